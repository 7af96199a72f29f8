#include <array>
#include <utility>

#include "text/tokenizer_json.h"

namespace infini {
namespace {

using nlohmann::json;

/// Calls `read` with the object under `key`, or with each of its parts if it is a Sequence, in order.
template <typename Read>
void for_each_part(const JsonObject& object, const char* list, const Read& read) {
  if (object.get<std::string>("type") != "Sequence") return read(object);
  object.allow_only({"type", list});
  const json& parts = object.at(list);
  if (!parts.is_array()) object.refuse(std::string(list) + " must be a list, is " + shown(parts));
  for (const json& part : parts) for_each_part(object.element(list, part), list, read);
}

template <typename Value, size_t kCount>
Value choice(const JsonObject& object, const char* key,
             const std::array<std::pair<const char*, Value>, kCount>& values) {
  const auto name = object.get<std::string>(key);
  std::string names;
  for (const auto& [text, value] : values) {
    if (name == text) return value;
    names += (names.empty() ? "" : ", ") + std::string(text);
  }
  object.refuse(std::string(key) + " is " + shown(name) + "; supported are " + names);
}

/// {"String": "…"} or {"Regex": "…"}: the text, and whether it is a regular expression.
std::pair<std::string, bool> read_pattern(const JsonObject& object) {
  const JsonObject pattern = object.child("pattern");
  pattern.allow_only({"String", "Regex"});
  const bool is_expression = pattern.has("Regex");
  auto text = pattern.get<std::string>(is_expression ? "Regex" : "String");
  if (text.empty()) object.refuse("the pattern is empty");
  return {std::move(text), is_expression};
}

RegularExpression compiled(const JsonObject& object, std::string pattern) {
  try {
    return RegularExpression(std::move(pattern));
  } catch (const UserError& error) {
    object.refuse(error.what());
  }
}

std::string one_character(const JsonObject& object, const char* key, const std::string& fallback) {
  auto text = object.get_or<std::string>(key, fallback);
  if (text.empty()) object.refuse(std::string(key) + " is empty");
  return text;
}

Normalizer::Step read_normalizer_step(const JsonObject& object) {
  using Form = Normalizer::Form;
  const auto type = object.get<std::string>("type");
  if (type == "Prepend") {
    object.allow_only({"type", "prepend"});
    return Normalizer::Prepend{object.get<std::string>("prepend")};
  }
  if (type == "Strip") {
    object.allow_only({"type", "strip_left", "strip_right"});
    return Normalizer::Strip{object.get<bool>("strip_left"), object.get<bool>("strip_right")};
  }
  if (type == "Replace") {
    object.allow_only({"type", "pattern", "content"});
    auto [pattern, is_expression] = read_pattern(object);
    auto by = object.get<std::string>("content");
    if (is_expression) return Normalizer::ReplaceMatches{compiled(object, std::move(pattern)), std::move(by)};
    return Normalizer::ReplaceText{std::move(pattern), std::move(by)};
  }
  for (const auto& [name, form] : {std::pair("NFC", Form::nfc), std::pair("NFD", Form::nfd),
                                   std::pair("NFKC", Form::nfkc), std::pair("NFKD", Form::nfkd)}) {
    if (type != name) continue;
    object.allow_only({"type"});
    return form;
  }
  object.refuse("type is " + type + "; supported are NFC, NFD, NFKC, NFKD, Prepend, Replace, Strip and Sequence");
}

PreTokenizer::Split read_split(const JsonObject& object) {
  using Behavior = PreTokenizer::Behavior;
  object.allow_only({"type", "pattern", "behavior", "invert"});
  auto [pattern, is_expression] = read_pattern(object);
  PreTokenizer::Split split{
      .pattern = std::string(),
      .behavior = choice(object, "behavior",
                         std::array{std::pair("Removed", Behavior::removed), std::pair("Isolated", Behavior::isolated),
                                    std::pair("MergedWithPrevious", Behavior::merged_with_previous),
                                    std::pair("MergedWithNext", Behavior::merged_with_next),
                                    std::pair("Contiguous", Behavior::contiguous)}),
      .invert = object.get_or("invert", false)};
  if (!is_expression) {
    split.pattern = std::move(pattern);
  } else if (const WordScanner* const scanner = find_word_scanner(pattern)) {
    split.pattern = scanner;
  } else {
    split.pattern = compiled(object, std::move(pattern));
  }
  return split;
}

PreTokenizer::PrependScheme read_prepend_scheme(const JsonObject& object) {
  using Scheme = PreTokenizer::PrependScheme;
  // add_prefix_space is what older files say.
  const bool add = object.get_or("add_prefix_space", true);
  if (!object.has("prepend_scheme")) return add ? Scheme::always : Scheme::never;
  const Scheme scheme = choice(object, "prepend_scheme",
                               std::array{std::pair("always", Scheme::always), std::pair("never", Scheme::never),
                                          std::pair("first", Scheme::first)});
  if (!add && scheme != Scheme::never) object.refuse("add_prefix_space is false, so prepend_scheme must be never");
  return scheme;
}

PreTokenizer::Stage read_stage(const JsonObject& object) {
  const auto type = object.get<std::string>("type");
  if (type == "Split") return read_split(object);
  if (type == "Digits") {
    object.allow_only({"type", "individual_digits"});
    return PreTokenizer::Digits{object.get<bool>("individual_digits")};
  }
  if (type == "ByteLevel") {
    object.allow_only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
    return PreTokenizer::ByteLevel{object.get<bool>("add_prefix_space"), object.get_or("use_regex", true)};
  }
  if (type == "Metaspace") {
    object.allow_only({"type", "replacement", "str_rep", "add_prefix_space", "prepend_scheme", "split"});
    return PreTokenizer::Metaspace{one_character(object, "replacement", ""), read_prepend_scheme(object),
                                   object.get_or("split", true)};
  }
  object.refuse("type is " + type + "; supported are Split, Digits, ByteLevel, Metaspace and Sequence");
}

TokenDecoder::Step read_decoder_step(const JsonObject& object) {
  const auto type = object.get<std::string>("type");
  if (type == "Replace") {
    object.allow_only({"type", "pattern", "content"});
    auto [pattern, is_expression] = read_pattern(object);
    if (is_expression) object.refuse("a pattern of the decoder must be a String");
    return TokenDecoder::Replace{std::move(pattern), object.get<std::string>("content")};
  }
  if (type == "Strip") {
    object.allow_only({"type", "content", "start", "stop"});
    return TokenDecoder::Strip{one_character(object, "content", ""), object.get<uint64_t>("start"),
                               object.get<uint64_t>("stop")};
  }
  if (type == "Metaspace") {
    object.allow_only({"type", "replacement", "str_rep", "add_prefix_space", "prepend_scheme", "split"});
    return TokenDecoder::Metaspace{one_character(object, "replacement", ""),
                                   read_prepend_scheme(object) != PreTokenizer::PrependScheme::never};
  }
  if (type == "ByteFallback" || type == "Fuse") {
    object.allow_only({"type"});
    return type == "Fuse" ? TokenDecoder::Step(TokenDecoder::Fuse{}) : TokenDecoder::ByteFallback{};
  }
  object.refuse("type is " + type +
                "; supported are ByteLevel, Metaspace, Replace, ByteFallback, Fuse, Strip and Sequence");
}

}  // namespace

Normalizer read_normalizer(const JsonObject& file) {
  std::vector<Normalizer::Step> steps;
  if (file.has("normalizer")) {
    for_each_part(file.child("normalizer"), "normalizers",
                  [&](const JsonObject& part) { steps.push_back(read_normalizer_step(part)); });
  }
  return Normalizer(std::move(steps));
}

PreTokenizer read_pre_tokenizer(const JsonObject& file) {
  std::vector<PreTokenizer::Stage> stages;
  if (file.has("pre_tokenizer")) {
    for_each_part(file.child("pre_tokenizer"), "pretokenizers", [&](const JsonObject& part) {
      // Behind it a text is in the alphabet of bytes, which later stages would have to read.
      if (!stages.empty() && std::holds_alternative<PreTokenizer::ByteLevel>(stages.back())) {
        part.refuse("ByteLevel must be the last of the Sequence");
      }
      stages.push_back(read_stage(part));
    });
  }
  return PreTokenizer(std::move(stages));
}

bool is_byte_level(const JsonObject& file) {
  bool found = false;
  if (!file.has("pre_tokenizer")) return false;
  for_each_part(file.child("pre_tokenizer"), "pretokenizers",
                [&](const JsonObject& part) { found = found || part.get<std::string>("type") == "ByteLevel"; });
  return found;
}

TokenDecoder read_decoder(const JsonObject& file, bool byte_level) {
  std::vector<TokenDecoder::Step> steps;
  if (!file.has("decoder")) return {{}, byte_level ? "" : " "};
  for_each_part(file.child("decoder"), "decoders", [&](const JsonObject& part) {
    const bool bytes = part.get<std::string>("type") == "ByteLevel";
    if (bytes) {
      part.allow_only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
    } else {
      steps.push_back(read_decoder_step(part));
    }
    if (bytes != byte_level) {
      part.refuse(byte_level ? "the pre_tokenizer is ByteLevel, so the decoder must be ByteLevel alone"
                             : "a ByteLevel decoder needs a ByteLevel pre_tokenizer");
    }
  });
  return {std::move(steps), ""};
}

}  // namespace infini
