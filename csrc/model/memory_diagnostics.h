#pragma once

#include <torch/torch.h>

#include <optional>

#include "model/causal_language_model.h"
#include "model/memory_state.h"

namespace infini {

/// How much the memory has its say, [layers, H] in float32; zeros in a model without memory.
struct MemoryDiagnostics {
  torch::Tensor gates;  ///< sigmoid(β)
  torch::Tensor memory_share;  ///< ‖g A_mem‖ / (‖g A_mem‖ + ‖(1 − g) A_dot‖), the mean over all tokens; 0 where the
                               ///< memory is empty
};

/// One pass over tokens [B, N] without a graph, beginning with `state`; arguments as in CausalLanguageModel::forward.
MemoryDiagnostics diagnose(CausalLanguageModel& model, const torch::Tensor& tokens, const MemoryState& state,
                           const std::optional<torch::Tensor>& starts = std::nullopt,
                           const std::optional<torch::Tensor>& gain = std::nullopt);

}  // namespace infini
