#pragma once

#include "ops/cuda/activations.h"

/// The backward kernels deal each segment out to blocks in pieces of at most 512 rows: short enough to fill the device,
/// long enough that a memory of D x E, read and written once for each, weighs little beside the rows.
namespace infini::ops::cuda {

inline constexpr int piece_length = 512;

/// P, the pieces of each segment; of a partial last segment some may be without rows.
constexpr int64_t pieces_per_segment(const Extents& extents) {
  return (extents.tokens_of(0) + piece_length - 1) / piece_length;
}

/// The rows of one piece: parts of a `Place` are pieces.
struct Piece : Place {
  int64_t first_token;
  int rows;

  constexpr Piece(const Extents& extents, int64_t block, int64_t segments, int64_t heads)
      : Place(place_of(block, pieces_per_segment(extents), segments, heads)),
        first_token(segment * extents.segment_length + part * piece_length) {
    const int64_t left = extents.tokens_of(segment) - part * piece_length;
    rows = static_cast<int>(left < 0 ? 0 : left < piece_length ? left : piece_length);
  }
};

}  // namespace infini::ops::cuda
