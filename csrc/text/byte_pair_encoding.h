#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "text/word_cache.h"

namespace infini {

/// Two tokens that become one. The earlier a merge stands in the list, the earlier it is applied.
struct Merge {
  int32_t left, right, result;
};

/// A vocabulary and its merges, as a file has them.
struct BytePairVocabulary {
  /// Each token's text by id; empty where an id has none. With `byte_level` the bytes themselves, otherwise UTF-8.
  std::vector<std::string> tokens;
  std::vector<Merge> merges;
  bool byte_level = false;     ///< words are merged from bytes, not from characters
  bool byte_fallback = false;  ///< a character that is no token becomes the tokens of its bytes, "<0xC3>"
  bool ignore_merges = false;  ///< a word that is a token is that token, whatever the merges say
  std::optional<int32_t> unknown = std::nullopt;  ///< stands for a character that is no token
  bool fuse_unknown = false;                      ///< for several in a row, too
};

/// Byte-pair encoding: a word's characters are merged in pairs, the pair of the earliest merge first, the leftmost of
/// equal ones. Gives the same ids as PyPI's tokenizers. May be used by several threads, each with its own WordCache.
class BytePairEncoding {
 public:
  explicit BytePairEncoding(BytePairVocabulary vocabulary);

  /// Appends the ids of a piece of text, which is valid UTF-8.
  void encode(std::string_view piece, WordCache& cache, std::vector<int32_t>& ids) const;

  const std::string& text_of(int32_t id) const { return vocabulary_.tokens[static_cast<size_t>(id)]; }
  int64_t size() const { return static_cast<int64_t>(vocabulary_.tokens.size()); }
  bool byte_level() const { return vocabulary_.byte_level; }
  bool byte_fallback() const { return vocabulary_.byte_fallback; }
  /// Whether there is text that the tokens cannot express.
  bool loses_text() const;
  std::optional<int32_t> unknown() const { return vocabulary_.unknown; }

 private:
  struct Rule {
    uint64_t pair;
    int32_t rank, result;
  };
  static constexpr int32_t kNoRank = INT32_MAX;

  void make_rules();
  void find_word_borders();
  const Rule* find_rule(int32_t left, int32_t right) const;
  int32_t rank_of(int32_t left, int32_t right) const;

  void encode_word(std::string_view word, WordCache& cache, std::vector<int32_t>& ids) const;
  void add_symbols(std::string_view word, std::vector<int32_t>& symbols) const;
  void add_characters(std::string_view word, std::vector<int32_t>& symbols) const;
  bool add_bytes_of(std::string_view character, std::vector<int32_t>& symbols) const;
  void merge_short(std::vector<int32_t>& symbols) const;
  void merge_long(std::vector<int32_t>& symbols) const;

  BytePairVocabulary vocabulary_;
  std::unordered_map<std::string_view, int32_t> ids_;
  std::array<int32_t, 256> byte_ids_{};  ///< of the bytes as symbols; -1: none
  std::vector<Rule> rules_;              ///< open addressing
  /// Without byte_level a piece is as long as a text. No merge reaches over a space's mark (▁) from outside
  /// `before_mark_`, so there a word can end.
  bool has_word_borders_ = false;
  std::unordered_set<char32_t> before_mark_;
};

}  // namespace infini
