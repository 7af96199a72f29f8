#include "data/epoch_order.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "data/deterministic_random.h"

namespace infini {
namespace {

constexpr uint32_t kUnits = 0, kEnds = 1;

/// In an ascending list: the index of the last entry that is not above `value`.
int64_t last_at_most(const std::vector<int64_t>& ascending, int64_t value) {
  return std::upper_bound(ascending.begin(), ascending.end(), value) - ascending.begin() - 1;
}

}  // namespace

std::vector<int64_t> shuffled(int64_t count, uint64_t seed, int64_t epoch, uint32_t purpose) {
  DeterministicRandom random(seed, static_cast<uint64_t>(epoch), purpose);
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), int64_t{0});
  // The Fisher–Yates shuffle, written here because std::shuffle differs between libraries.
  for (size_t left = order.size(); left > 1; --left) std::swap(order[left - 1], order[random.below(left)]);
  return order;
}

EpochOrder::EpochOrder(const TokenDataset& dataset, int64_t segment_length, int64_t window_segments, uint64_t seed,
                       int64_t epoch)
    : dataset_(dataset), segment_length_(segment_length), window_segments_(window_segments) {
  if (window_segments == 0) {
    order_ = shuffled(dataset.documents(), seed, epoch, kUnits);
    return;
  }
  const int64_t window = window_segments * segment_length;
  first_windows_.push_back(0);
  for (int64_t document = 0; document < dataset.documents(); ++document) {
    const int64_t inputs = dataset.length(document) - 1;
    first_windows_.push_back(first_windows_.back() + inputs / window);
    if (inputs % window != 0) ending_documents_.push_back(document);
  }
  const std::vector<int64_t> unshuffled = std::move(ending_documents_);
  ending_documents_.clear();
  first_end_segments_.push_back(0);
  for (const int64_t index : shuffled(static_cast<int64_t>(unshuffled.size()), seed, epoch, kEnds)) {
    const int64_t document = unshuffled[static_cast<size_t>(index)];
    const int64_t inputs = (dataset.length(document) - 1) % window;
    ending_documents_.push_back(document);
    first_end_segments_.push_back(first_end_segments_.back() + (inputs + segment_length - 1) / segment_length);
  }
  const int64_t sequences_of_ends = (first_end_segments_.back() + window_segments - 1) / window_segments;
  order_ = shuffled(first_windows_.back() + sequences_of_ends, seed, epoch, kUnits);
}

std::vector<Piece> EpochOrder::unit(int64_t place) const {
  const int64_t index = order_.at(static_cast<size_t>(place));
  if (window_segments_ == 0) return {{index, 0, dataset_.length(index) - 1}};
  const int64_t windows = first_windows_.back();
  return index < windows ? window(index) : ends(index - windows);
}

std::vector<Piece> EpochOrder::window(int64_t index) const {
  const int64_t document = last_at_most(first_windows_, index);
  const int64_t length = window_segments_ * segment_length_;
  const int64_t begin = (index - first_windows_[static_cast<size_t>(document)]) * length;
  return {{document, begin, begin + length}};
}

std::vector<Piece> EpochOrder::ends(int64_t index) const {
  const int64_t first = index * window_segments_;
  const int64_t last = std::min(first + window_segments_, first_end_segments_.back());
  const int64_t window = window_segments_ * segment_length_;
  std::vector<Piece> pieces;
  auto at = static_cast<size_t>(last_at_most(first_end_segments_, first));
  for (int64_t segment = first; segment < last; segment = first_end_segments_[++at]) {
    const int64_t document = ending_documents_[at];
    const int64_t inputs = dataset_.length(document) - 1;
    const int64_t end_of_windows = inputs - inputs % window;
    const int64_t segment_of_end = segment - first_end_segments_[at];
    const int64_t segments_after = last - first_end_segments_[at];
    pieces.push_back({document, end_of_windows + segment_of_end * segment_length_,
                      std::min(inputs, end_of_windows + segments_after * segment_length_)});
  }
  return pieces;
}

}  // namespace infini
