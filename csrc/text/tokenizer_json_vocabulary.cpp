#include <algorithm>
#include <unordered_map>

#include "text/byte_alphabet.h"
#include "text/tokenizer_json.h"
#include "text/utf8.h"

namespace infini {
namespace {

using nlohmann::json;
using Ids = std::unordered_map<std::string, int32_t>;

constexpr int32_t kMostTokens = 1 << 24;

/// [the token's name in the file → id]. Each id is there once.
Ids read_ids(const JsonObject& model) {
  const json& vocab = model.at("vocab");
  if (!vocab.is_object()) model.refuse("vocab must be an object of tokens and ids, is " + shown(vocab));
  Ids ids;
  ids.reserve(vocab.size());
  std::vector<bool> taken;
  for (const auto& [name, id] : vocab.items()) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= kMostTokens) {
      model.refuse("vocab: " + shown(name) + " has the id " + shown(id) + "; it must be an integer from 0, below " +
                   std::to_string(kMostTokens));
    }
    const auto number = id.get<int32_t>();
    if (static_cast<size_t>(number) >= taken.size()) taken.resize(static_cast<size_t>(number) + 1);
    if (taken[static_cast<size_t>(number)]) {
      model.refuse("vocab: two tokens have the id " + std::to_string(number) + "; one is " + shown(name));
    }
    taken[static_cast<size_t>(number)] = true;
    ids.emplace(name, number);
  }
  return ids;
}

/// The two parts of a merge: ["Ġ", "t"], or "Ġ t" as older files have it.
std::pair<std::string, std::string> parts_of_merge(const JsonObject& model, const json& merge) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  }
  if (merge.is_string()) {
    const auto& text = merge.get_ref<const std::string&>();
    const size_t space = text.find(' ');
    if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos) {
      return {text.substr(0, space), text.substr(space + 1)};
    }
  }
  model.refuse("merges: " + shown(merge) + R"( is no merge; expected ["a", "b"] or "a b")");
}

std::vector<Merge> read_merges(const JsonObject& model, const Ids& ids) {
  const json& list = model.at("merges");
  if (!list.is_array()) model.refuse("merges must be a list, is " + shown(list));
  if (list.size() > kMostTokens) {
    model.refuse("it has " + std::to_string(list.size()) + " merges; the most is " + std::to_string(kMostTokens));
  }
  const auto id_of = [&](const json& merge, const std::string& token) {
    const auto found = ids.find(token);
    if (found == ids.end())
      model.refuse("merges: " + shown(merge) + " needs the token " + shown(token) + ", which vocab lacks");
    return found->second;
  };
  std::vector<Merge> merges;
  merges.reserve(list.size());
  for (const json& merge : list) {
    if (merge.is_string() && merge.get_ref<const std::string&>().starts_with("#version")) continue;
    const auto [left, right] = parts_of_merge(model, merge);
    if (left.empty() || right.empty()) model.refuse("merges: " + shown(merge) + " has an empty part");
    merges.push_back({id_of(merge, left), id_of(merge, right), id_of(merge, left + right)});
  }
  return merges;
}

}  // namespace

std::string text_of_name(const std::string& name, bool byte_level) {
  return byte_level ? bytes_of_letters(name).value_or(name) : name;
}

BytePairVocabulary read_vocabulary(const JsonObject& model, bool byte_level) {
  // Files from before 2020 have no type.
  if (const auto type = model.get_or<std::string>("type", "BPE"); type != "BPE") {
    model.refuse("type is " + type + "; supported is BPE");
  }
  model.allow_only({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
                    "byte_fallback", "ignore_merges", "vocab", "merges"});
  if (model.get_or<double>("dropout", 0) != 0) model.refuse("dropout is not supported; it must be null");
  for (const char* const key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!model.get_or<std::string>(key, "").empty())
      model.refuse(std::string(key) + " is not supported; it must be null");
  }
  const Ids ids = read_ids(model);
  BytePairVocabulary vocabulary;
  vocabulary.byte_level = byte_level;
  vocabulary.merges = read_merges(model, ids);
  vocabulary.byte_fallback = model.get_or("byte_fallback", false);
  vocabulary.fuse_unknown = model.get_or("fuse_unk", false);
  vocabulary.ignore_merges = model.get_or("ignore_merges", false);
  if (model.has("unk_token")) {
    const auto name = model.get<std::string>("unk_token");
    const auto found = ids.find(name);
    if (found == ids.end()) model.refuse("unk_token is " + shown(name) + ", which vocab lacks");
    vocabulary.unknown = found->second;
  }
  for (const auto& [name, id] : ids) {
    if (static_cast<size_t>(id) >= vocabulary.tokens.size()) vocabulary.tokens.resize(static_cast<size_t>(id) + 1);
    vocabulary.tokens[static_cast<size_t>(id)] = text_of_name(name, byte_level);
  }
  return vocabulary;
}

std::vector<AddedToken> read_added_tokens(const JsonObject& file, const BytePairVocabulary& vocabulary) {
  std::vector<AddedToken> tokens;
  if (!file.has("added_tokens")) return tokens;
  const json& list = file.at("added_tokens");
  if (!list.is_array()) file.refuse("added_tokens must be a list, is " + shown(list));
  std::unordered_map<std::string, int32_t> in_vocabulary;
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string& text = vocabulary.tokens[id];
    if (!text.empty()) in_vocabulary[text] = static_cast<int32_t>(id);
  }
  auto next_id = static_cast<int32_t>(in_vocabulary.size());
  for (const json& entry : list) {
    const JsonObject object = file.element("added_tokens", entry);
    object.allow_only({"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
    AddedToken token{.id = object.get<int32_t>("id"),
                     .content = object.get<std::string>("content"),
                     .single_word = object.get_or("single_word", false),
                     .lstrip = object.get_or("lstrip", false),
                     .rstrip = object.get_or("rstrip", false),
                     .normalized = object.get_or("normalized", false),
                     .special = object.get_or("special", false)};
    if (token.content.empty()) continue;
    // tokenizers gives the ids itself: the vocabulary's, or the next that is free.
    const std::string text = text_of_name(token.content, vocabulary.byte_level);
    const auto known = in_vocabulary.find(text);
    const int32_t expected = known != in_vocabulary.end() ? known->second : next_id;
    if (token.id != expected) {
      object.refuse(shown(token.content) + " has the id " + std::to_string(token.id) +
                    ", but tokenizers gives it the id " + std::to_string(expected));
    }
    in_vocabulary[text] = token.id;
    next_id = std::max(next_id, token.id + 1);
    tokens.push_back(std::move(token));
  }
  return tokens;
}

}  // namespace infini
