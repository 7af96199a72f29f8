#include "text/added_tokens.h"

#include <algorithm>

#include "text/character_classes.h"
#include "text/utf8.h"

namespace infini {
namespace {

uint64_t edge(uint32_t node, char byte) { return uint64_t{node} << 8 | static_cast<unsigned char>(byte); }

bool begins_with(std::string_view text, uint16_t classes) {
  const char* at = text.data();
  return !text.empty() && CharacterClasses::table().is(decode_character(at), classes);
}

bool ends_with(std::string_view text, uint16_t classes) {
  const char* end = text.data() + text.size();
  return !text.empty() && CharacterClasses::table().is(decode_character_before(end), classes);
}

}  // namespace

void AddedTokenFinder::add(const AddedToken& token, std::string_view pattern) {
  if (pattern.empty()) return;
  uint32_t node = 0;
  for (const char byte : pattern) {
    const auto [child, is_new] = children_.try_emplace(edge(node, byte), static_cast<uint32_t>(token_at_.size()));
    if (is_new) token_at_.push_back(-1);
    node = child->second;
  }
  if (token_at_[node] < 0) token_at_[node] = static_cast<int32_t>(tokens_.size());
  begins_[static_cast<unsigned char>(pattern.front())] = true;
  tokens_.push_back(token);
  // A token on one side of a cut must not depend on the other side.
  const bool reaches_over = pattern.find('\n') != std::string_view::npos;
  const bool strips_line_end = token.rstrip && ends_with(pattern, kLetter);
  if (reaches_over || strips_line_end) can_be_cut_ = false;
}

AddedTokenFinder::Match AddedTokenFinder::longest_at(std::string_view text) const {
  Match longest;
  uint32_t node = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto child = children_.find(edge(node, text[i]));
    if (child == children_.end()) break;
    node = child->second;
    if (token_at_[node] >= 0) longest = {i + 1, &tokens_[static_cast<size_t>(token_at_[node])]};
  }
  return longest;
}

size_t AddedTokenFinder::next_candidate(std::string_view text, size_t from) const {
  while (from < text.size() && !begins_[static_cast<unsigned char>(text[from])]) ++from;
  return from;
}

void AddedTokenFinder::split(std::string_view text, const TextSink& on_text, const TokenSink& on_token) const {
  if (tokens_.empty()) return on_text(text);
  size_t done = 0;
  for (size_t at = next_candidate(text, 0); at < text.size(); at = next_candidate(text, at)) {
    const Match match = longest_at(text.substr(at));
    if (match.token == nullptr) {
      ++at;
      continue;
    }
    size_t begin = at, end = at + match.size;
    at = end;
    const bool in_word = ends_with(text.substr(0, begin), kWord) || begins_with(text.substr(end), kWord);
    if (match.token->single_word && in_word) continue;
    while (match.token->lstrip && begin > done && ends_with(text.substr(0, begin), kWhiteSpace)) {
      const char* before = text.data() + begin;
      decode_character_before(before);
      begin = static_cast<size_t>(before - text.data());
    }
    while (match.token->rstrip && begins_with(text.substr(end), kWhiteSpace)) {
      end += leading_character(text.substr(end)).size;
    }
    if (begin > done) on_text(text.substr(done, begin - done));
    on_token(match.token->id);
    done = end;
  }
  if (done < text.size()) on_text(text.substr(done));
}

}  // namespace infini
