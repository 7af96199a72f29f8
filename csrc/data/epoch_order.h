#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/token_dataset.h"

namespace infini {

/// Inputs [begin, end) of a document. Their targets are the next tokens, [begin + 1, end + 1).
struct Piece {
  int64_t document = 0;
  int64_t begin = 0;
  int64_t end = 0;
  bool continues = false;  ///< the same row has just read the tokens before `begin`
};

/// 0 … count − 1 in random order. For one `purpose` the order depends only on `seed` and `epoch`, with every standard
/// library.
std::vector<int64_t> shuffled(int64_t count, uint64_t seed, int64_t epoch, uint32_t purpose);

/// Cuts one epoch into units and shuffles them. A unit is a list of pieces. Every text token is a target in exactly one
/// piece.
///
/// If `window_segments` is 0, a unit is a whole document. Otherwise a unit is one sequence of `window_segments`
/// segments. The sequence is either a full window of one document, or several document ends, one after the other; an
/// end is the rest of a document after its full windows. So each window has its own sequence, as in the paper, and
/// there is almost no padding. An end is cut in two only if it crosses the border between two sequences.
class EpochOrder {
 public:
  /// window_segments 0: whole documents.
  EpochOrder(const TokenDataset& dataset, int64_t segment_length, int64_t window_segments, uint64_t seed,
             int64_t epoch);
  int64_t units() const { return static_cast<int64_t>(order_.size()); }
  /// The pieces of the unit at this place in the order. All pieces are whole segments, except at the end of a document.
  std::vector<Piece> unit(int64_t place) const;

 private:
  std::vector<Piece> window(int64_t index) const;
  std::vector<Piece> ends(int64_t index) const;

  TokenDataset dataset_;
  int64_t segment_length_;
  int64_t window_segments_;
  std::vector<int64_t> order_;
  std::vector<int64_t> first_windows_;       ///< of each document; the last entry is the number of all full windows
  std::vector<int64_t> ending_documents_;    ///< documents with an end shorter than a window, shuffled
  std::vector<int64_t> first_end_segments_;  ///< begin of each end if all are joined; then their total
};

}  // namespace infini
