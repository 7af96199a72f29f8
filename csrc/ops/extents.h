#pragma once

#include <cstdint>

/// Plain C++: read by kernels, their launchers and their callers.
namespace infini::ops {

/// The extents of one call of attention, each at least 1.
struct Extents {
  int64_t batch = 0;           ///< B
  int64_t heads = 0;           ///< H, query heads: a multiple of the groups; head h reads group h / (H / G)
  int64_t groups = 0;          ///< G, KV heads, each with a memory of its own
  int64_t tokens = 0;          ///< N
  int64_t segment_length = 0;  ///< L
  int64_t key_width = 0;       ///< D
  int64_t value_width = 0;     ///< E

  /// S, of which the last may be partial.
  constexpr int64_t segments() const { return (tokens - 1) / segment_length + 1; }
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

}  // namespace infini::ops
