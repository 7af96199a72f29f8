#pragma once

#include "model/layer_attention.h"

namespace infini {

/// Causal attention inside each segment, without a memory of earlier segments. In a model without segments the whole
/// input is one segment: this is plain full attention.
class LocalAttention : public LayerAttention {
 public:
  using LayerAttention::LayerAttention;

  torch::Tensor forward(const torch::Tensor& x, ContextState& state, Pass& pass) const override;
};

}  // namespace infini
