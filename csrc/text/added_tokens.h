#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace infini {

/// A token that is found in a text before the model splits it: `added_tokens` of tokenizer.json.
struct AddedToken {
  int32_t id;
  std::string content;
  bool single_word;  ///< not inside a word
  bool lstrip;       ///< takes the white space before it
  bool rstrip;       ///< takes the white space behind it
  bool normalized;   ///< is looked for in the normalised text
  bool special;      ///< stands for no text
};

/// Finds a set of added tokens in a text: the leftmost first, of those at one place the longest.
class AddedTokenFinder {
 public:
  /// A stretch of text between tokens.
  using TextSink = std::function<void(std::string_view text)>;
  using TokenSink = std::function<void(int32_t id)>;

  AddedTokenFinder() = default;
  /// Looks for `pattern` instead of the content of a token.
  void add(const AddedToken& token, std::string_view pattern);

  /// Calls the sinks in the order of the text, which is valid UTF-8.
  void split(std::string_view text, const TextSink& on_text, const TokenSink& on_token) const;

  /// Whether a text that is cut between a letter and a line end gives, in two parts, what it gives as a whole.
  bool can_be_cut() const { return can_be_cut_; }

 private:
  struct Match {
    size_t size = 0;
    const AddedToken* token = nullptr;
  };
  Match longest_at(std::string_view text) const;
  size_t next_candidate(std::string_view text, size_t from) const;

  std::vector<AddedToken> tokens_;
  /// A trie: from a node and a byte to the next node. Node 0 is the root.
  std::unordered_map<uint64_t, uint32_t> children_;
  std::vector<int32_t> token_at_ = {-1};  ///< of each node, the token that ends there
  std::array<bool, 256> begins_{};        ///< whether a pattern begins with the byte
  bool can_be_cut_ = true;
};

}  // namespace infini
