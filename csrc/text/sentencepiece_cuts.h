#pragma once

#include <sentencepiece_processor.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace infini {

/// The text that pieces of a sentencepiece vocabulary stand for, with nothing taken away or added. A piece may be a
/// byte by its name, such as "<0xC3>". Not for control pieces such as <s>.
std::string text_of_pieces(const std::vector<std::string>& pieces);

/// Where a text can be cut so that sentencepiece finds the same tokens in the parts as in the whole: between two
/// characters that stand side by side in no piece of the vocabulary. No token reaches over such a place, so what is
/// best on one side (by unigram's scores or BPE's merges) does not depend on the other.
/// (sentencepiece adds up a unigram model's scores in float. In a text of some 10,000 tokens the sum is rounded so
/// much that near ties may fall the other way; in a part they fall as the exact scores say.)
class SentencepieceCuts {
 public:
  /// Nowhere.
  SentencepieceCuts() = default;
  explicit SentencepieceCuts(const sentencepiece::SentencePieceProcessor& processor);

  /// The last place inside `text`; 0 where there is none.
  size_t last_in(std::string_view text) const;

 private:
  bool usable_ = false;  ///< the model takes the text as it is: no normalisation, no space added in front
  bool byte_fallback_ = false;
  std::unordered_set<char32_t> known_;        ///< characters that are a piece by themselves
  std::unordered_set<uint64_t> inseparable_;  ///< two characters, side by side in some piece
};

}  // namespace infini
