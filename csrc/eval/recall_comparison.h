#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "eval/recall_scan.h"
#include "eval/recall_table.h"
#include "eval/word_losses.h"

namespace infini {

/// One model's losses on the words of the documents.
struct RecallTables {
  RecallTable losses;           ///< of each word
  RecallTable above_the_first;  ///< of each word, less the first model's on the same word; empty for the first model
};

/// Compares models that read the same documents one after the other, word by word.
class RecallComparison {
 public:
  /// `token_bytes` and `training` must outlive this.
  RecallComparison(const std::vector<std::string>& token_bytes, const WordCounts& training, int64_t segment_length);
  RecallComparison(const RecallComparison&) = delete;
  RecallComparison& operator=(const RecallComparison&) = delete;

  /// From now on `add` receives what the next model scores, from the first document on.
  void begin_model();
  void add(const ScoredTokens& scored) { scan_.add(scored); }

  const std::vector<RecallTables>& models() const { return models_; }

 private:
  void add_word(const RecalledWord& word);

  std::vector<RecallTables> models_;
  WordLosses first_losses_;
  RecallScan scan_;
};

}  // namespace infini
