#include "model/rms_norm.h"

namespace infini {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// With r = 1 / sqrt(mean(x²) + eps), x̂ = x r and y = x̂ w:
//   dw = Σ_rows dy x̂,   dx = r (dy w − x̂ mean(dy w x̂)).
// Only x and r are kept, where a graph of small ops would keep four tensors of x's size.
struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight, double eps) {
    const torch::Dtype wide = x.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
    const auto width = static_cast<double>(x.size(-1));
    const Tensor scale =
        at::linalg_vector_norm(x, 2, {-1}, /*keepdim=*/true, wide).square_().div_(width).add_(eps).rsqrt_();
    context->save_for_backward({x, weight, scale});
    return (x * scale).mul_(weight).to(x.scalar_type());
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    TORCH_CHECK(!torch::GradMode::is_enabled(), "rms_norm can be differentiated only once (create_graph is set)");
    const tensor_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &scale = saved[2], &gradient = gradients[0];
    const int64_t width = x.size(-1);
    const Tensor wide_weight = weight.to(scale.scalar_type());
    const Tensor normalized = x * scale;
    const Tensor product = (normalized * gradient).reshape({-1, width});
    Tensor weight_gradient, x_gradient;
    if (context->needs_input_grad(1)) weight_gradient = product.sum(0).to(weight.scalar_type());
    if (context->needs_input_grad(0)) {
      const Tensor mean = at::mv(product, wide_weight).div_(static_cast<double>(width)).view(scale.sizes());
      x_gradient = (gradient * wide_weight).addcmul_(normalized, mean, -1).mul_(scale).to(x.scalar_type());
    }
    return {x_gradient, weight_gradient, Tensor()};
  }
};

}  // namespace

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) { return RmsNormFunction::apply(x, weight, eps); }

}  // namespace infini
