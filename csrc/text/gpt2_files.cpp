#include "text/gpt2_files.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <utility>

#include "io/json_file.h"
#include "io/mapped_file.h"
#include "text/special_tokens.h"
#include "text/tokenizer_json.h"

namespace infini {
namespace {

using nlohmann::json;

constexpr std::pair<const char*, const char*> kNames[] = {{"vocab.json", "merges.txt"}, {"encoder.json", "vocab.bpe"}};

/// The lines of a file of merges, without the version on top.
json lines_of(const std::filesystem::path& file) {
  const MappedFile mapped(file);
  std::istringstream stream{std::string(mapped.text())};
  json lines = json::array();
  for (std::string line; std::getline(stream, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty() && !line.starts_with("#version")) lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace

std::optional<Gpt2Files> find_gpt2_files(const std::filesystem::path& folder) {
  for (const auto& [vocabulary, merges] : kNames) {
    if (std::filesystem::exists(folder / vocabulary) && std::filesystem::exists(folder / merges)) {
      return Gpt2Files{folder / vocabulary, folder / merges};
    }
  }
  return std::nullopt;
}

std::unique_ptr<Tokenizer> load_gpt2(const Gpt2Files& files) {
  const std::filesystem::path folder = files.vocabulary.parent_path();
  const std::string where = files.vocabulary.string() + " with " + files.merges.filename().string();
  const json model = {{"vocab", read_json(files.vocabulary)}, {"merges", lines_of(files.merges)}};
  BytePairTokenizerParts parts;
  parts.source = where;
  parts.vocabulary = read_vocabulary(JsonObject(model, where), /*byte_level=*/true);
  const auto id_of = [&](const std::string& name) -> std::optional<int32_t> {
    const auto found = std::ranges::find(parts.vocabulary.tokens, text_of_name(name, /*byte_level=*/true));
    if (found == parts.vocabulary.tokens.end()) return std::nullopt;
    return static_cast<int32_t>(found - parts.vocabulary.tokens.begin());
  };
  const SpecialTokens special = find_special_tokens(folder, id_of, id_of);
  parts.bos = special.bos;
  parts.eos = special.eos;
  for (const int32_t id : std::set{special.bos.value_or(-1), special.eos.value_or(-1)}) {
    if (id < 0) continue;
    parts.added_tokens.push_back({.id = id,
                                  .content = parts.vocabulary.tokens[static_cast<size_t>(id)],
                                  .single_word = false,
                                  .lstrip = false,
                                  .rstrip = false,
                                  .normalized = false,
                                  .special = true});
  }
  if (parts.eos) parts.stop_ids = {*parts.eos};
  std::vector<PreTokenizer::Stage> stages;
  stages.emplace_back(PreTokenizer::ByteLevel{.add_prefix_space = false, .use_regex = true});
  parts.pre_tokenizer = PreTokenizer(std::move(stages));
  parts.files = read_files(folder, {kTokenizerConfigFile, "special_tokens_map.json"});
  // The names that transformers looks for.
  parts.files.push_back({kNames[0].first, std::string(MappedFile(files.vocabulary).text())});
  parts.files.push_back({kNames[0].second, std::string(MappedFile(files.merges).text())});
  if (!std::filesystem::exists(folder / kTokenizerConfigFile)) {
    parts.files.push_back({kTokenizerConfigFile, json{{"tokenizer_class", "GPT2Tokenizer"}}.dump(2) + "\n"});
  }
  return std::make_unique<BytePairTokenizer>(std::move(parts));
}

}  // namespace infini
