#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/token_dataset.h"

namespace infini {

/// Inputs [begin, end) of a document. Their targets are the tokens one further on, [begin + 1, end + 1).
struct Piece {
  int64_t document = 0;
  int64_t begin = 0;
  int64_t end = 0;
  bool continues = false;  ///< what stands before `begin` has just been read by the same row
};

/// 0 … count − 1 in an order that depends on `seed` and `epoch` alone, the same with every standard library.
std::vector<int64_t> shuffled(int64_t count, uint64_t seed, int64_t epoch, uint32_t purpose);

/// How one epoch is cut into units of pieces, and their shuffled order. Every text token is a target in one piece.
///
/// Without `window_segments` a unit is a whole document. With it, a unit is what one sequence of that many segments
/// reads: a full window of a document; or ends of documents, which are shorter, one after the other. So every window
/// has a sequence of its own, as the paper's training lengths mean it, and nearly nothing is padded: of the ends, only
/// those that a sequence's border falls into are cut in two.
class EpochOrder {
 public:
  /// window_segments 0: whole documents.
  EpochOrder(const TokenDataset& dataset, int64_t segment_length, int64_t window_segments, uint64_t seed,
             int64_t epoch);
  int64_t units() const { return static_cast<int64_t>(order_.size()); }
  /// The pieces of the unit at this place of the order; all but a document's end are whole segments.
  std::vector<Piece> unit(int64_t place) const;

 private:
  std::vector<Piece> window(int64_t index) const;
  std::vector<Piece> ends(int64_t index) const;

  TokenDataset dataset_;
  int64_t segment_length_;
  int64_t window_segments_;
  std::vector<int64_t> order_;
  std::vector<int64_t> first_windows_;       ///< of each document; one more: the count of all full windows
  std::vector<int64_t> ending_documents_;    ///< documents with an end shorter than a window, shuffled
  std::vector<int64_t> first_end_segments_;  ///< where each of their ends begins in the row of all of them; one more
};

}  // namespace infini
