#pragma once

#include <torch/torch.h>

#include <vector>

namespace infini {

/// What one layer keeps of the segment that is not full yet: [B, G, n, D] each, undefined where that is nothing.
struct OpenSegment {
  torch::Tensor k, v;       ///< without position embedding: what the memory will be given
  torch::Tensor rotated_k;  ///< with it: what local attention reads
  int64_t length() const { return k.defined() ? k.size(2) : 0; }
};

/// The open segment of every layer.
struct SegmentCache {
  std::vector<OpenSegment> layers;
  int64_t length() const { return layers.empty() ? 0 : layers.front().length(); }
};

}  // namespace infini
