#pragma once

#include <torch/torch.h>

#include <optional>

namespace infini {

/// Σ over rows with target ≥ 0 of −w log softmax(hidden Wᵀ)[target], a scalar in float32 (float64 where hidden is).
/// hidden [R, D], weight [V, D], targets [R] (int64), w: row_weights [R], constant, 1 without. Logits are computed in
/// hidden's dtype, a chunk of rows at a time, and turned into the gradients of hidden and weight at once, so that never
/// more than a chunk of them exists. Differentiable once; without anything that requires a gradient only the loss is
/// computed.
torch::Tensor linear_cross_entropy(const torch::Tensor& hidden, const torch::Tensor& weight,
                                   const torch::Tensor& targets,
                                   const std::optional<torch::Tensor>& row_weights = std::nullopt);

/// −log softmax(hidden Wᵀ)[target] of every row, [R] in float32 (float64 where hidden is), 0 where the target is
/// negative. Shapes as above; without a graph.
torch::Tensor linear_token_losses(const torch::Tensor& hidden, const torch::Tensor& weight,
                                  const torch::Tensor& targets);

}  // namespace infini
