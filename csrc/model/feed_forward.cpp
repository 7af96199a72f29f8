#include "model/feed_forward.h"

#include "ops/ops.h"

namespace infini {

using torch::Tensor;

FeedForward::FeedForward(const ModelConfig& config, const torch::TensorOptions& options) {
  const int64_t width = config.hidden_size, inner = config.intermediate_size;
  gate_ = register_module("gate_proj", std::make_shared<Projection>(width, inner, config.mlp_bias, options));
  up_ = register_module("up_proj", std::make_shared<Projection>(width, inner, config.mlp_bias, options));
  down_ = register_module("down_proj", std::make_shared<Projection>(inner, width, config.mlp_bias, options));
}

Tensor FeedForward::forward(const Tensor& x) const {
  return down_->forward(ops::swiglu(gate_->forward(x), up_->forward(x)));
}

}  // namespace infini
