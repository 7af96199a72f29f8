#include "eval/recall_scan.h"

#include <algorithm>
#include <utility>

namespace infini {

RecallScan::RecallScan(const std::vector<std::string>& token_bytes, const WordCounts& training, int64_t segment_length,
                       std::function<void(const RecalledWord&)> receive)
    : token_bytes_(token_bytes), training_(training), segment_length_(segment_length), receive_(std::move(receive)) {}

void RecallScan::add(const ScoredTokens& scored) {
  if (scored.first == 1) {
    last_places_.clear();
    scan_.emplace(1, [this](const ScannedWord& word) { add_word(word); });
  }
  for (size_t i = 0; i < scored.tokens.size(); ++i) scan_->push(token_bytes_.at(scored.tokens[i]), scored.nats[i]);
  if (scored.last) scan_->finish();
}

void RecallScan::add_word(const ScannedWord& word) {
  RecalledWord recalled{.distance = std::nullopt, .trained = training_.of(word.text), .nats = word.nats};
  const auto [last, is_new] = last_places_.try_emplace(word.text, word.first);
  if (!is_new) {
    // One token may hold both, so it may be read after it was predicted.
    const int64_t segments = (word.first - 1) / segment_length_ - last->second / segment_length_;
    recalled.distance = std::max<int64_t>(0, segments);
  }
  last->second = word.first;
  receive_(recalled);
}

}  // namespace infini
