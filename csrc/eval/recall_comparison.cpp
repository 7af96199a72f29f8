#include "eval/recall_comparison.h"

namespace infini {

RecallComparison::RecallComparison(const std::vector<std::string>& token_bytes, const WordCounts& training,
                                   int64_t segment_length)
    : scan_(token_bytes, training, segment_length, [this](const RecalledWord& word) { add_word(word); }) {}

void RecallComparison::begin_model() {
  models_.emplace_back();
  first_losses_.rewind();
}

void RecallComparison::add_word(const RecalledWord& word) {
  RecallTables& tables = models_.back();
  tables.losses.add(word, word.nats);
  if (models_.size() == 1) {
    first_losses_.append(word.nats);
  } else {
    tables.above_the_first.add(word, word.nats - first_losses_.next());
  }
}

}  // namespace infini
