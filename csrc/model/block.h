#pragma once

#include <torch/torch.h>

#include <memory>

#include "model/config.h"
#include "model/feed_forward.h"
#include "model/layer_attention.h"
#include "model/rms_norm.h"

namespace infini {

/// One transformer layer: x + attention(norm(x)), then x + feed_forward(norm(x)).
class Block : public torch::nn::Module {
 public:
  Block(const ModelConfig& config, const torch::TensorOptions& options, std::shared_ptr<LayerAttention> attention);

  /// x [B, N, hidden_size] → the same shape; reads and writes the layer's part of `state`.
  virtual torch::Tensor forward(const torch::Tensor& x, ContextState& state, Pass& pass) const;

  /// What forward would write into `state`, and no more.
  virtual void memorize(const torch::Tensor& x, ContextState& state, Pass& pass) const;

  const LayerAttention& attention() const { return *self_attn_; }

 private:
  std::shared_ptr<RmsNorm> input_layernorm_, post_attention_layernorm_;
  std::shared_ptr<LayerAttention> self_attn_;
  std::shared_ptr<FeedForward> mlp_;
};

}  // namespace infini
