#include "model/block.h"

namespace infini {

Block::Block(const ModelConfig& config, const torch::TensorOptions& options) {
  const auto norm = [&](const char* name) {
    return register_module(name, std::make_shared<RmsNorm>(config.hidden_size, config.rms_norm_eps, options));
  };
  input_layernorm_ = norm("input_layernorm");
  self_attn_ = register_module("self_attn", std::make_shared<InfiniAttention>(config, options));
  post_attention_layernorm_ = norm("post_attention_layernorm");
  mlp_ = register_module("mlp", std::make_shared<FeedForward>(config, options));
}

torch::Tensor Block::forward(const torch::Tensor& x, const Attend& attend) const {
  const torch::Tensor attended = x + attend(*self_attn_, input_layernorm_->forward(x));
  return attended + mlp_->forward(post_attention_layernorm_->forward(attended));
}

void Block::memorize(const torch::Tensor& x, torch::Tensor& memory, torch::Tensor& norm) const {
  self_attn_->memorize(input_layernorm_->forward(x), memory, norm);
}

}  // namespace infini
