#include "model/block.h"

#include <utility>

namespace infini {

Block::Block(const ModelConfig& config, const torch::TensorOptions& options,
             std::shared_ptr<LayerAttention> attention) {
  const auto layernorm = [&](const char* name) {
    return register_module(name, std::make_shared<RmsNorm>(config.hidden_size, config.rms_norm_eps, options));
  };
  input_layernorm_ = layernorm("input_layernorm");
  self_attn_ = register_module("self_attn", std::move(attention));
  post_attention_layernorm_ = layernorm("post_attention_layernorm");
  mlp_ = register_module("mlp", std::make_shared<FeedForward>(config, options));
}

torch::Tensor Block::forward(const torch::Tensor& x, ContextState& state, Pass& pass) const {
  const torch::Tensor attended = x + self_attn_->forward(input_layernorm_->forward(x), state, pass);
  return attended + mlp_->forward(post_attention_layernorm_->forward(attended));
}

void Block::memorize(const torch::Tensor& x, ContextState& state, Pass& pass) const {
  self_attn_->memorize(input_layernorm_->forward(x), state, pass);
}

}  // namespace infini
