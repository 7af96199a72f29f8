#include "text/tiktoken_file.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_map>

#include "io/mapped_file.h"
#include "log/error.h"
#include "text/byte_pair_tokenizer.h"

namespace infini {
namespace {

constexpr int kSpecialTokens = 256;
constexpr int32_t kMostTokens = 1 << 24;
constexpr std::string_view kScanner = "llama3";
constexpr const char* kNamedTokens[] = {"<|begin_of_text|>",
                                        "<|end_of_text|>",
                                        "<|reserved_special_token_0|>",
                                        "<|reserved_special_token_1|>",
                                        "<|finetune_right_pad_id|>",
                                        "<|step_id|>",
                                        "<|start_header_id|>",
                                        "<|end_header_id|>",
                                        "<|eom_id|>",
                                        "<|eot_id|>",
                                        "<|python_tag|>",
                                        "<|image|>"};

std::optional<std::string> decode_base64(std::string_view text) {
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  while (text.ends_with('=')) text.remove_suffix(1);
  for (const char c : text) {
    constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count >= 8) bytes += static_cast<char>(bits >> (count -= 8) & 0xFF);
  }
  return bytes;
}

/// The token and the rank of a line "IQ== 0".
std::optional<std::pair<std::string, int32_t>> read_line(std::string_view line) {
  const size_t space = line.find(' ');
  if (space == std::string_view::npos || space == 0) return std::nullopt;
  const auto token = decode_base64(line.substr(0, space));
  int32_t rank = 0;
  const char* const end = line.data() + line.size();
  const auto [stop, error] = std::from_chars(line.data() + space + 1, end, rank);
  if (!token || token->empty() || error != std::errc() || stop != end || rank < 0 || rank >= kMostTokens)
    return std::nullopt;
  return std::pair(*token, rank);
}

std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// Every way to make a token of two others; the tokens of lower ranks are made first.
std::vector<Merge> merges_of(const std::vector<std::string>& tokens) {
  std::unordered_map<std::string_view, int32_t> ids;
  for (size_t id = 0; id < tokens.size(); ++id) ids.emplace(tokens[id], static_cast<int32_t>(id));
  std::vector<Merge> merges;
  for (size_t id = 0; id < tokens.size(); ++id) {
    const std::string_view token = tokens[id];
    for (size_t cut = 1; cut < token.size(); ++cut) {
      const auto left = ids.find(token.substr(0, cut)), right = ids.find(token.substr(cut));
      if (left == ids.end() || right == ids.end()) continue;
      merges.push_back({left->second, right->second, static_cast<int32_t>(id)});
    }
  }
  return merges;
}

}  // namespace

bool is_tiktoken_file(std::string_view content) { return read_line(take_line(content)).has_value(); }

std::unique_ptr<Tokenizer> load_tiktoken(const std::filesystem::path& file) {
  const MappedFile mapped(file);
  BytePairTokenizerParts parts;
  parts.source = file.string();
  std::vector<std::string>& tokens = parts.vocabulary.tokens;
  std::string_view rest = mapped.text();
  for (int64_t number = 1; !rest.empty(); ++number) {
    const std::string_view line = take_line(rest);
    const std::string place = file.string() + ":" + std::to_string(number) + ": ";
    if (line.empty()) continue;
    const auto entry = read_line(line);
    if (!entry) throw UserError(place + "expected a token in base64, a space and its rank");
    const auto rank = static_cast<size_t>(entry->second);
    if (rank >= tokens.size()) tokens.resize(rank + 1);
    if (!tokens[rank].empty()) throw UserError(place + "two tokens have the rank " + std::to_string(rank));
    tokens[rank] = entry->first;
  }
  if (const auto hole = std::ranges::find(tokens, ""); hole != tokens.end()) {
    throw UserError(file.string() + ": no token has the rank " + std::to_string(hole - tokens.begin()));
  }
  parts.vocabulary.byte_level = true;
  // tiktoken looks for the whole word first.
  parts.vocabulary.ignore_merges = true;
  parts.vocabulary.merges = merges_of(tokens);

  const auto first_special = static_cast<int32_t>(tokens.size());
  constexpr int kNamed = std::size(kNamedTokens);
  for (int i = 0; i < kSpecialTokens; ++i) {
    const std::string reserved = "<|reserved_special_token_" + std::to_string(i - kNamed + 2) + "|>";
    parts.added_tokens.push_back({.id = first_special + i,
                                  .content = i < kNamed ? kNamedTokens[i] : reserved,
                                  .single_word = false,
                                  .lstrip = false,
                                  .rstrip = false,
                                  .normalized = false,
                                  .special = true});
  }
  const auto id_of = [&](std::string_view name) {
    return first_special + static_cast<int32_t>(std::ranges::find(kNamedTokens, name) - std::begin(kNamedTokens));
  };
  parts.bos = id_of("<|begin_of_text|>");
  parts.eos = id_of("<|end_of_text|>");
  parts.stop_ids = {*parts.eos, id_of("<|eom_id|>"), id_of("<|eot_id|>")};
  const WordScanner* const scanner = &*std::ranges::find(word_scanners(), kScanner, &WordScanner::name);
  std::vector<PreTokenizer::Stage> stages;
  stages.emplace_back(PreTokenizer::Split{scanner, PreTokenizer::Behavior::isolated, false});
  parts.pre_tokenizer = PreTokenizer(std::move(stages));
  parts.files = {{kSentencepieceFile, std::string(mapped.text())}};
  return std::make_unique<BytePairTokenizer>(std::move(parts));
}

}  // namespace infini
