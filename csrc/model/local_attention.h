#pragma once

#include "model/layer_attention.h"

namespace infini {

/// Causal attention inside a segment that remembers nothing of the segments before. Where the model has no segments,
/// the whole input is one: plain full attention.
class LocalAttention : public LayerAttention {
 public:
  using LayerAttention::LayerAttention;

  torch::Tensor forward(const torch::Tensor& x, ContextState& state, Pass& pass) const override;
};

}  // namespace infini
