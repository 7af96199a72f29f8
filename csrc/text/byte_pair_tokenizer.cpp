#include "text/byte_pair_tokenizer.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "log/error.h"
#include "text/byte_alphabet.h"
#include "text/character_classes.h"
#include "text/replaced.h"
#include "text/utf8.h"

namespace infini {
BytePairTokenizer::BytePairTokenizer(BytePairTokenizerParts parts)
    : parts_(std::move(parts)), encoding_(std::move(parts_.vocabulary)) {
  for (int32_t id = 0; id < encoding_.size(); ++id) token_of_id_.push_back({encoding_.text_of(id)});
  for (const AddedToken& token : parts_.added_tokens) {
    const auto id = static_cast<size_t>(token.id);
    if (id >= token_of_id_.size()) token_of_id_.resize(id + 1);
    std::string storage;
    const std::string_view text =
        token.normalized ? parts_.normalizer.apply(token.content, storage) : std::string_view(token.content);
    token_of_id_[id] = {std::string(text), true, token.special};
    (token.normalized ? normalized_finder_ : raw_finder_).add(token, text);
  }
  can_be_cut_ = parts_.normalizer.can_be_cut() && parts_.pre_tokenizer.can_be_cut() && raw_finder_.can_be_cut() &&
                normalized_finder_.can_be_cut();
}

std::unique_ptr<WordCache> BytePairTokenizer::take_cache() const {
  const std::lock_guard lock(caches_mutex_);
  if (caches_.empty()) return std::make_unique<WordCache>();
  std::unique_ptr<WordCache> cache = std::move(caches_.back());
  caches_.pop_back();
  return cache;
}

std::vector<int32_t> BytePairTokenizer::encode(std::string_view text) const {
  std::string repaired;
  if (invalid_utf8_offset(text)) text = repaired = with_replacement_characters(text);
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 3);
  std::unique_ptr<WordCache> cache = take_cache();
  const PreTokenizer::PieceSink on_piece = [&](std::string_view piece) { encoding_.encode(piece, *cache, ids); };
  const AddedTokenFinder::TokenSink on_token = [&](int32_t id) { ids.push_back(id); };
  raw_finder_.split(
      text,
      [&](std::string_view section) {
        std::string storage;
        const std::string_view normalized = parts_.normalizer.apply(section, storage);
        const bool first_section = section.data() == text.data();
        normalized_finder_.split(
            normalized,
            [&](std::string_view part) {
              parts_.pre_tokenizer.split(part, first_section && part.data() == normalized.data(), on_piece);
            },
            on_token);
      },
      on_token);
  const std::lock_guard lock(caches_mutex_);
  caches_.push_back(std::move(cache));
  return ids;
}

size_t BytePairTokenizer::safe_cut(std::string_view text) const {
  if (!can_be_cut_) return 0;
  // The end may cut a character in two, or white space, which is why the line end must not be the last byte.
  for (size_t at = text.empty() ? 0 : text.rfind('\n', text.size() - 1); at != std::string_view::npos && at > 0;
       at = text.rfind('\n', at - 1)) {
    const auto begin = static_cast<size_t>(character_border(text, static_cast<int64_t>(at) - 1));
    const LeadingCharacter before = leading_character(text.substr(begin, at - begin));
    const char* letter = text.data() + begin;
    if (before.kind == LeadingCharacter::whole && begin + before.size == at &&
        CharacterClasses::table().is(decode_character(letter), kLetter)) {
      return at;
    }
  }
  return 0;
}

std::string BytePairTokenizer::decode(const std::vector<int32_t>& ids) const {
  std::vector<std::string> tokens;
  for (const int32_t id : ids) {
    if (id < 0) throw std::runtime_error("token " + std::to_string(id) + " is not in the vocabulary");
    if (id < vocab_size()) tokens.push_back(token_of_id_[static_cast<size_t>(id)].text);
  }
  if (!encoding_.byte_level()) return parts_.decoder.decode(std::move(tokens));
  std::string text;
  for (const std::string& token : tokens) text += token;
  return text;
}

std::string BytePairTokenizer::token_bytes(int32_t id) const {
  const Token& token = token_of_id_.at(static_cast<size_t>(id));
  if (token.special) return "";
  if (encoding_.byte_level() || token.added) return token.text;
  if (encoding_.byte_fallback()) {
    if (const auto byte = byte_named(token.text)) return std::string(1, *byte);
  }
  return replaced(token.text, kSpaceMark, " ");
}

int32_t BytePairTokenizer::document_start() const {
  if (parts_.bos) return *parts_.bos;
  if (parts_.eos) return *parts_.eos;
  throw UserError(parts_.source +
                  " has neither a bos nor an eos, and one of them must stand before the first token of every document; "
                  "name it in a tokenizer_config.json beside it: {\"eos_token\": \"…\"}");
}

std::optional<int32_t> BytePairTokenizer::unk() const {
  return encoding_.loses_text() ? encoding_.unknown() : std::nullopt;
}

}  // namespace infini
