#pragma once

#include <torch/torch.h>

#include <functional>

#include "model/config.h"
#include "model/feed_forward.h"
#include "model/infini_attention.h"
#include "model/rms_norm.h"

namespace infini {

/// One transformer layer: x + attention(norm(x)), then x + feed_forward(norm(x)).
class Block : public torch::nn::Module {
 public:
  /// How this pass runs the attention: over whole segments, a token further, or measuring it.
  using Attend = std::function<torch::Tensor(const InfiniAttention& attention, const torch::Tensor& x)>;

  Block(const ModelConfig& config, const torch::TensorOptions& options);

  /// x [B, N, hidden_size] → the same shape.
  torch::Tensor forward(const torch::Tensor& x, const Attend& attend) const;

  /// What forward would write into the layer's memory, and no more.
  void memorize(const torch::Tensor& x, torch::Tensor& memory, torch::Tensor& norm) const;

  const InfiniAttention& attention() const { return *self_attn_; }

 private:
  std::shared_ptr<RmsNorm> input_layernorm_, post_attention_layernorm_;
  std::shared_ptr<InfiniAttention> self_attn_;
  std::shared_ptr<FeedForward> mlp_;
};

}  // namespace infini
