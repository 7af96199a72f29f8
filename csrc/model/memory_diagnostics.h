#pragma once

#include <torch/torch.h>

#include "model/attention_observer.h"
#include "model/config.h"

namespace infini {

/// Measures during a pass how much of each head's output comes from the memory. Records no graph, and never waits for
/// the device.
class MemoryDiagnostics : public AttentionObserver {
 public:
  MemoryDiagnostics(const ModelConfig& config, torch::Device device);

  void observe(int64_t layer, const ops::AttentionArguments& attention) override;

  /// Whether any layer has shown its attention: one of another kind of memory does not.
  bool seen() const { return seen_; }
  /// sigmoid(β), [layers, H] in float32; 0 in layers that have no memory.
  const torch::Tensor& gates() const { return gates_; }
  /// ‖g A_mem‖ / (‖g A_mem‖ + ‖(1 − g) A_dot‖), averaged over all tokens of the last pass: [layers, H] in float32. A
  /// token that reads an empty memory counts as 0.
  const torch::Tensor& memory_share() const { return memory_share_; }

 private:
  torch::Tensor gates_, memory_share_;
  bool seen_ = false;
};

}  // namespace infini
