#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "eval/perplexity.h"
#include "eval/training_words.h"
#include "eval/word_scan.h"

namespace infini {

/// A word of a scored document.
struct RecalledWord {
  /// How many segments ago it occurred last in the document. Nothing if it is there for the first time.
  std::optional<int64_t> distance;
  int64_t trained = 0;  ///< how often the training texts have it
  double nats = 0;
};

/// Finds the words of scored documents and where they occurred last. Holds one place for each distinct word of the open
/// document, and does not otherwise grow with the document.
///
/// The distance is the segment that predicts the word's first token, less the segment that reads the first token of the
/// last occurrence. Token i of a document is read in segment i / segment_length, and predicted from token i − 1. So at
/// distance 0 the segment's own attention sees the last occurrence from its beginning; from 1 on only a memory, or a
/// longer attention, knows it.
class RecallScan {
 public:
  /// `token_bytes` and `training` must outlive this. `receive` gets each word of every document in order.
  RecallScan(const std::vector<std::string>& token_bytes, const WordCounts& training, int64_t segment_length,
             std::function<void(const RecalledWord&)> receive);

  /// Takes the next tokens of a document. If a document is left before its end, its last word may be cut, and is
  /// dropped if no other character has ended it.
  void add(const ScoredTokens& scored);

 private:
  void add_word(const ScannedWord& word);

  const std::vector<std::string>& token_bytes_;
  const WordCounts& training_;
  int64_t segment_length_;
  std::function<void(const RecalledWord&)> receive_;
  std::optional<WordScan> scan_;
  std::unordered_map<std::string, int64_t> last_places_;  ///< the first token of each word's last occurrence
};

}  // namespace infini
