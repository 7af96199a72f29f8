#pragma once

#include <torch/torch.h>

#include <vector>

#include "model/context_state.h"

namespace infini {

/// The memory that keeps the states at the chunk borders between the two passes.
enum class BorderStates { device, host };

/// Keeps the states at the chunk borders of a sequence: last in, first out. Copies to pinned host memory and back are
/// queued like kernels, so nothing waits for them.
class StateStore {
 public:
  /// `count`: the largest number of states kept at the same time.
  StateStore(int64_t count, BorderStates place) : count_(count), place_(place) {}

  void push(const ContextState& state);
  /// The newest state, on `device`.
  ContextState pop(torch::Device device);

 private:
  int64_t count_;
  BorderStates place_;
  /// Room for `count` states of the first state's size, in a single block. Many small blocks between the activations
  /// would fragment the heap, and memory use would grow by more than the states themselves.
  torch::Tensor block_;
  int64_t bytes_of_one_ = 0;
  std::vector<ContextState> states_;
};

}  // namespace infini
