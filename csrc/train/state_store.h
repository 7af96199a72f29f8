#pragma once

#include <torch/torch.h>

#include <vector>

#include "model/context_state.h"

namespace infini {

/// Where the states at the chunk borders wait between the two passes.
enum class BorderStates { device, host };

/// Keeps the states at the borders of a sequence's chunks, last in, first out. Copies to pinned host memory are queued
/// like kernels, and so are those back: nothing waits for them.
class StateStore {
 public:
  /// `count` is how many states will be kept at once.
  StateStore(int64_t count, BorderStates place) : count_(count), place_(place) {}

  void push(const ContextState& state);
  /// The newest state, on `device`.
  ContextState pop(torch::Device device);

 private:
  int64_t count_;
  BorderStates place_;
  /// Room for `count` states like the first, all in a single block: smaller ones among the activations would leave the
  /// heap in pieces, and memory in use would grow with the number of chunks by more than the states themselves.
  torch::Tensor block_;
  int64_t bytes_of_one_ = 0;
  std::vector<ContextState> states_;
};

}  // namespace infini
