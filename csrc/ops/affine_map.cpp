// x Wᵀ + b for x [..., in], weight [out, in] and bias [out]. In float on a CPU it is oneDNN's product
// (matrix_product.h), which ATen's `linear` does not use, and its gradients are:
//
//   dx = dy W        dW = dyᵀ x
//
// Everywhere else it is `linear` itself.

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/checks.h"
#include "ops/internal.h"
#include "ops/matrix_product.h"
#include "ops/refuse_double_backward.h"

namespace infini::ops::affine {
namespace {

using at::Tensor;
using Forward = Tensor(const Tensor&, const Tensor&);
using Backward = std::tuple<Tensor, Tensor>(const Tensor&, const Tensor&, const Tensor&, std::array<bool, 2>);

void check_arguments(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
  TORCH_CHECK(x.dim() >= 1 && at::isFloatingType(x.scalar_type()), "x must be a floating [..., in], but is ",
              x.scalar_type(), " ", x.sym_sizes());
  check_tensor(weight, "weight", 2, x);
  check_same_dtype(weight, "weight", x, "x");
  check_size(weight, "weight", 1, x.sym_size(-1), "x's width");
  if (!bias) return;
  check_tensor(*bias, "bias", 1, x);
  check_same_dtype(*bias, "bias", x, "x");
  check_size(*bias, "bias", 0, weight.sym_size(0), "weight's rows");
}

Tensor forward_meta(const Tensor& x, const Tensor& weight) {
  auto shape = x.sym_sizes().vec();
  shape.back() = weight.sym_size(0);
  return at::empty_symint(shape, x.options());
}

std::tuple<Tensor, Tensor> backward(const Tensor& grad, const Tensor& x, const Tensor& weight,
                                    std::array<bool, 2> needed) {
  const Tensor rows = grad.reshape({-1, weight.size(0)});
  Tensor dx, dweight;
  if (needed[0]) dx = matrix_product(rows, weight).view(x.sizes());
  if (needed[1]) dweight = matrix_product(rows.t(), x.reshape({-1, x.size(-1)}));
  return {dx, dweight};
}

std::tuple<Tensor, Tensor> backward_meta(const Tensor&, const Tensor& x, const Tensor& weight,
                                         std::array<bool, 2> needed) {
  return {needed[0] ? at::empty_symint(x.sym_sizes(), x.options()) : Tensor(),
          needed[1] ? at::empty_symint(weight.sym_sizes(), weight.options()) : Tensor()};
}

class LinearMap : public torch::autograd::Function<LinearMap> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& weight) {
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({x, weight});
    return dispatch<"infini::_linear_map_forward", Forward>(x, weight);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    auto [dx, dweight] = dispatch<"infini::_linear_map_backward", Backward>(
        gradients[0], saved[0], saved[1],
        std::array<bool, 2>{context->needs_input_grad(0), context->needs_input_grad(1)});
    return {dx, dweight};
  }
};

Tensor with_bias(const Tensor& y, const std::optional<Tensor>& bias) { return bias ? y + *bias : y; }

Tensor affine_map_autograd(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
  check_arguments(x, weight, bias);
  return is_onednns(x) ? with_bias(LinearMap::apply(x, weight), bias) : at::linear(x, weight, bias);
}

Tensor affine_map_kernel(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
  check_arguments(x, weight, bias);
  if (!is_onednns(x)) return at::linear(x, weight, bias);
  return with_bias(dispatch<"infini::_linear_map_forward", Forward>(x, weight), bias);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(infini, library) {
  library.def("affine_map(Tensor x, Tensor weight, Tensor? bias=None) -> Tensor");
  library.def("_linear_map_forward(Tensor x, Tensor weight) -> Tensor");
  library.def(
      "_linear_map_backward(Tensor grad, Tensor x, Tensor weight, bool[2] needed) -> (Tensor dx, Tensor dweight)");
}
TORCH_LIBRARY_IMPL(infini, Autograd, library) {
  library.impl("affine_map", affine_map_autograd);
  library.impl("_linear_map_backward", torch::CppFunction::makeFromBoxedFunction<&refuse_double_backward>());
}
TORCH_LIBRARY_IMPL(infini, CompositeExplicitAutograd, library) {
  library.impl("affine_map", affine_map_kernel);
  library.impl("_linear_map_forward", onednn_linear);
  library.impl("_linear_map_backward", backward);
}
TORCH_LIBRARY_IMPL(infini, Meta, library) {
  library.impl("_linear_map_forward", forward_meta);
  library.impl("_linear_map_backward", backward_meta);
}

}  // namespace infini::ops::affine
