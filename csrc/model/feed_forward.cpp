#include "model/feed_forward.h"

namespace infini {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// Keeps gate and up alone; silu(gate), which autograd would keep as well, is computed again.
struct SwigluFunction : torch::autograd::Function<SwigluFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& gate, const Tensor& up) {
    context->save_for_backward({gate, up});
    return at::silu(gate).mul_(up);
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    TORCH_CHECK(!torch::GradMode::is_enabled(), "swiglu can be differentiated only once (create_graph is set)");
    const tensor_list saved = context->get_saved_variables();
    const Tensor &gate = saved[0], &up = saved[1], &gradient = gradients[0];
    return {at::silu_backward(gradient * up, gate), at::silu(gate).mul_(gradient)};
  }
};

}  // namespace

Tensor swiglu(const Tensor& gate, const Tensor& up) { return SwigluFunction::apply(gate, up); }

FeedForward::FeedForward(const ModelConfig& config, const torch::TensorOptions& options) {
  const int64_t width = config.hidden_size, inner = config.intermediate_size;
  gate_ = register_module("gate_proj", std::make_shared<Projection>(width, inner, config.mlp_bias, options));
  up_ = register_module("up_proj", std::make_shared<Projection>(width, inner, config.mlp_bias, options));
  down_ = register_module("down_proj", std::make_shared<Projection>(inner, width, config.mlp_bias, options));
}

Tensor FeedForward::forward(const Tensor& x) const {
  return down_->forward(swiglu(gate_->forward(x), up_->forward(x)));
}

}  // namespace infini
