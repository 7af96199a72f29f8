#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

namespace infini {

/// The processes that train together, and the place of this process among them. Some decisions depend on a number: skip
/// a step, stop, go to the next stage. They use the sum of that number over all ranks, so all ranks decide the same. A
/// single process is rank 0 of 1, and the sum is its own number.
struct Ranks {
  int64_t rank = 0;
  int64_t size = 1;

  /// Whether this rank writes the files that all ranks share, such as the run's folder.
  bool is_first() const { return rank == 0; }
  int64_t sum(int64_t value) const { return value; }
  torch::Tensor sum(torch::Tensor tensor) const { return tensor; }
  /// Sums each tensor in place.
  void sum(const std::vector<torch::Tensor>& /*tensors*/) const {}
  /// Whether the condition is true on any rank.
  bool any(bool value) const { return value; }
};

}  // namespace infini
