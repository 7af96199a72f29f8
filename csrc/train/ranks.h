#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

namespace infini {

/// The processes that train together, and this one's place among them. What a run decides by a number (to skip a step,
/// to stop, to go to the next stage) it decides by the sum over all ranks, so that all ranks decide alike. One process
/// alone is rank 0 of 1, and each sum is its own number.
struct Ranks {
  int64_t rank = 0;
  int64_t size = 1;

  /// Writes what there is once for all ranks: the run's folder.
  bool is_first() const { return rank == 0; }
  int64_t sum(int64_t value) const { return value; }
  torch::Tensor sum(torch::Tensor tensor) const { return tensor; }
  /// Sums each tensor in place.
  void sum(const std::vector<torch::Tensor>& /*tensors*/) const {}
  /// Whether it holds on any rank.
  bool any(bool value) const { return value; }
};

}  // namespace infini
