#pragma once

#include <cstdint>

/// What every kernel is told about its tensors. Plain C++: read by the kernels, their launchers and their callers.
namespace infini::ops::cuda {

/// The extents of one call. Any tokens >= 1 and segment_length >= 1; the widths are 64 or 128.
struct Extents {
  int64_t batch = 0;           ///< B
  int64_t heads = 0;           ///< H, query heads: a multiple of the groups; head h reads group h / (H / G)
  int64_t groups = 0;          ///< G, KV heads, each with a memory of its own
  int64_t tokens = 0;          ///< N
  int64_t segment_length = 0;  ///< L
  int64_t key_width = 0;       ///< D
  int64_t value_width = 0;     ///< E

  /// S, of which the last may be partial.
  constexpr int64_t segments() const { return (tokens + segment_length - 1) / segment_length; }
  /// F: those that are written to the memory; a partial last one only reads it.
  constexpr int64_t full_segments() const { return tokens / segment_length; }
  constexpr int64_t group_size() const { return heads / groups; }
  /// The place of a state among [B,G,S,…], and of a transition among [B,G,F,…].
  constexpr int64_t state(int64_t batch_index, int64_t group, int64_t segment) const {
    return (batch_index * groups + group) * segments() + segment;
  }
  constexpr int64_t transition(int64_t batch_index, int64_t group, int64_t segment) const {
    return (batch_index * groups + group) * full_segments() + segment;
  }
  /// The tokens of one segment.
  constexpr int64_t tokens_of(int64_t segment) const {
    const int64_t left = tokens - segment * segment_length;
    return left < segment_length ? left : segment_length;
  }
};

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
struct Heads {
  T* data = nullptr;
  int64_t batch = 0, head = 0, token = 0;

  constexpr T* row(int64_t batch_index, int64_t head_index, int64_t token_index) const {
    return data + batch_index * batch + head_index * head + token_index * token;
  }
};

}  // namespace infini::ops::cuda
