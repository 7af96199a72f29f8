// x / sqrt(mean(x²) + eps) · weight over the last dimension. With r = 1 / sqrt(mean(x²) + eps), x̂ = x r and y = x̂ w:
//
//   dw = Σ_rows dy x̂        dx = r (dy w − x̂ mean(dy w x̂))
//
// x [..., D], weight [D] → like x. Only x and r [..., 1] are kept. A graph of small ops would keep four tensors
// of x's size. r is float32, or float64 where x is.

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/checks.h"
#include "ops/internal.h"
#include "ops/refuse_double_backward.h"

namespace infini::ops::root_mean_square {
namespace {

using at::Tensor;
using Forward = std::tuple<Tensor, Tensor>(const Tensor&, const Tensor&, double);
using Backward = std::tuple<Tensor, Tensor>(const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                            std::array<bool, 2>);

void check_arguments(const Tensor& x, const Tensor& weight) {
  TORCH_CHECK(x.dim() >= 1 && at::isFloatingType(x.scalar_type()), "x must be a floating [..., width], but is ",
              x.scalar_type(), " ", x.sym_sizes());
  check_tensor(weight, "weight", 1, x);
  check_size(weight, "weight", 0, x.sym_size(-1), "x's width");
}

std::tuple<Tensor, Tensor> forward(const Tensor& x, const Tensor& weight, double eps) {
  const auto width = static_cast<double>(x.size(-1));
  const Tensor scale =
      at::linalg_vector_norm(x, 2, {-1}, /*keepdim=*/true, state_dtype(x, x)).square_().div_(width).add_(eps).rsqrt_();
  return {(x * scale).mul_(weight).to(x.scalar_type()), scale};
}

std::tuple<Tensor, Tensor> backward(const Tensor& grad, const Tensor& x, const Tensor& weight, const Tensor& scale,
                                    std::array<bool, 2> needed) {
  const int64_t width = x.size(-1);
  const Tensor wide_weight = weight.to(scale.scalar_type());
  const Tensor normalized = x * scale;
  const Tensor product = (normalized * grad).reshape({-1, width});
  Tensor dx, dweight;
  if (needed[1]) dweight = product.sum(0).to(weight.scalar_type());
  if (needed[0]) {
    const Tensor mean = at::mv(product, wide_weight).div_(static_cast<double>(width)).view(scale.sizes());
    dx = (grad * wide_weight).addcmul_(normalized, mean, -1).mul_(scale).to(x.scalar_type());
  }
  return {dx, dweight};
}

class RmsNorm : public torch::autograd::Function<RmsNorm> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& weight, double eps) {
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    auto [y, scale] = dispatch<"infini::_rms_norm_forward", Forward>(x, weight, eps);
    context->save_for_backward({x, weight, scale});
    return y;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    auto [dx, dweight] = dispatch<"infini::_rms_norm_backward", Backward>(
        gradients[0], saved[0], saved[1], saved[2],
        std::array<bool, 2>{context->needs_input_grad(0), context->needs_input_grad(1)});
    return {dx, dweight, Tensor()};
  }
};

Tensor rms_norm_autograd(const Tensor& x, const Tensor& weight, double eps) {
  check_arguments(x, weight);
  return RmsNorm::apply(x, weight, eps);
}

Tensor rms_norm_kernel(const Tensor& x, const Tensor& weight, double eps) {
  check_arguments(x, weight);
  return std::get<0>(dispatch<"infini::_rms_norm_forward", Forward>(x, weight, eps));
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(infini, library) {
  library.def("rms_norm(Tensor x, Tensor weight, float eps) -> Tensor");
  library.def("_rms_norm_forward(Tensor x, Tensor weight, float eps) -> (Tensor y, Tensor scale)");
  library.def(
      "_rms_norm_backward(Tensor grad, Tensor x, Tensor weight, Tensor scale, bool[2] needed) -> (Tensor dx, Tensor "
      "dweight)");
}
TORCH_LIBRARY_IMPL(infini, Autograd, library) {
  library.impl("rms_norm", rms_norm_autograd);
  library.impl("_rms_norm_backward", torch::CppFunction::makeFromBoxedFunction<&refuse_double_backward>());
}
// For Meta tensors too: ATen's ops know their shapes.
TORCH_LIBRARY_IMPL(infini, CompositeExplicitAutograd, library) {
  library.impl("rms_norm", rms_norm_kernel);
  library.impl("_rms_norm_forward", forward);
  library.impl("_rms_norm_backward", backward);
}

}  // namespace infini::ops::root_mean_square
