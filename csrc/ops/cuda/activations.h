#pragma once

#include <cstdint>

#include "ops/extents.h"

/// Where the kernels find their activations. The widths of heads are 64 or 128.
namespace infini::ops::cuda {

/// The part of a segment of a head of a row that one block works on.
struct Place {
  int64_t part, segment, head, batch;
};

/// Blocks are numbered parts first, then segments, heads, rows.
constexpr Place place_of(int64_t block, int64_t parts, int64_t segments, int64_t heads) {
  const int64_t segment = block / parts, head = segment / segments;
  return {block % parts, segment % segments, head % heads, head / heads};
}

/// A [batch, heads, tokens, width] tensor of activations. Strides in elements; the elements of a row are contiguous,
/// and each row begins at a multiple of 16 bytes.
template <typename T>
struct HeadRows {
  T* data = nullptr;
  int64_t batch = 0, head = 0, token = 0;

  constexpr T* row(int64_t batch_index, int64_t head_index, int64_t token_index) const {
    return data + batch_index * batch + head_index * head + token_index * token;
  }
};

}  // namespace infini::ops::cuda
