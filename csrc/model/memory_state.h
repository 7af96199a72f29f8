#pragma once

#include <torch/torch.h>

#include <vector>

#include "model/config.h"

namespace infini {

/// The compressive memory of every layer: memory[l] is [B, G, D, E], norm[l] is [B, G, D]; float32 or float64.
struct MemoryState {
  std::vector<torch::Tensor> memory;
  std::vector<torch::Tensor> norm;

  /// All zero: nothing has been read yet.
  static MemoryState empty(const ModelConfig& config, int64_t rows, const torch::TensorOptions& options);
  /// The same values, cut from the graph; with `requires_grad` they are leaves that collect a gradient.
  MemoryState detached(bool requires_grad = false) const;
  /// Copies the values of `other` into its own tensors: a text that is read chunk after chunk then finds the heap each
  /// time as it was, and holds no more memory at its end than at its beginning.
  void assign(const MemoryState& other);
  MemoryState to(torch::Device device, bool non_blocking = false) const;
  /// memory[0], norm[0], memory[1], norm[1], …
  std::vector<torch::Tensor> tensors() const;
};

}  // namespace infini
