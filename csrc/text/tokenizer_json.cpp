#include "text/tokenizer_json.h"

#include <algorithm>

#include "io/json_file.h"
#include "text/special_tokens.h"

namespace infini {
namespace {

using nlohmann::json;

}  // namespace

void check_post_processor(const JsonObject& file) {
  if (!file.has("post_processor")) return;
  const JsonObject processor = file.child("post_processor");
  const auto type = processor.get<std::string>("type");
  if (type != "ByteLevel" && type != "TemplateProcessing" && type != "Sequence") {
    processor.refuse("type is " + type + "; supported are TemplateProcessing, ByteLevel and Sequence");
  }
}

std::unique_ptr<Tokenizer> load_tokenizer_json(const std::filesystem::path& file) {
  const json content = read_json(file);
  const JsonObject object(content, file.string());
  object.allow_only({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
                     "post_processor", "decoder", "model"});
  check_post_processor(object);
  const bool byte_level = is_byte_level(object);

  BytePairTokenizerParts parts;
  parts.source = file.string();
  parts.normalizer = read_normalizer(object);
  parts.pre_tokenizer = read_pre_tokenizer(object);
  parts.decoder = read_decoder(object, byte_level);
  parts.vocabulary = read_vocabulary(object.child("model"), byte_level);
  parts.added_tokens = read_added_tokens(object, parts.vocabulary);

  const auto id_of_special = [&](const std::string& name) -> std::optional<int32_t> {
    const auto added = std::ranges::find(parts.added_tokens, name, &AddedToken::content);
    return added != parts.added_tokens.end() && added->special ? std::optional(added->id) : std::nullopt;
  };
  const auto id_of = [&](const std::string& name) -> std::optional<int32_t> {
    const auto added = std::ranges::find(parts.added_tokens, name, &AddedToken::content);
    if (added != parts.added_tokens.end()) return added->id;
    const std::string text = text_of_name(name, byte_level);
    const auto token = std::ranges::find(parts.vocabulary.tokens, text);
    if (text.empty() || token == parts.vocabulary.tokens.end()) return std::nullopt;
    return static_cast<int32_t>(token - parts.vocabulary.tokens.begin());
  };
  const std::filesystem::path folder = file.parent_path();
  const SpecialTokens special = find_special_tokens(folder, id_of, id_of_special);
  parts.bos = special.bos;
  parts.eos = special.eos;
  if (parts.eos) parts.stop_ids = {*parts.eos};
  parts.files = read_files(folder, {kTokenizerConfigFile, "special_tokens_map.json"});
  parts.files.push_back({kTokenizerJsonFile, read_files(folder, {file.filename().string()}).front().content});
  return std::make_unique<BytePairTokenizer>(std::move(parts));
}

}  // namespace infini
