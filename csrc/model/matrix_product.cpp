#include "model/matrix_product.h"

#include <ATen/core/dispatch/Dispatcher.h>

namespace infini {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

bool is_onednns(const Tensor& x) {
  return x.is_cpu() && x.scalar_type() == torch::kFloat32 && at::globalContext().hasMKLDNN();
}

// x Wᵀ, both contiguous: what is not falls to older kernels, half as fast in some shapes. ATen has no other door to
// oneDNN's float product; what is empty here is a function applied to the result.
Tensor onednn_linear(const Tensor& x, const Tensor& weight) {
  using Scalars = c10::List<std::optional<at::Scalar>>;
  using Signature = Tensor(const Tensor&, const Tensor&, const std::optional<Tensor>&, std::string_view, Scalars,
                           std::optional<std::string_view>);
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_linear_pointwise", "").typed<Signature>();
  return op.call(x, weight, std::nullopt, "none", Scalars(), "");
}

struct LinearMapFunction : torch::autograd::Function<LinearMapFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight) {
    context->save_for_backward({x, weight});
    return onednn_linear(x.contiguous(), weight.contiguous());
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    TORCH_CHECK(!torch::GradMode::is_enabled(), "affine_map can be differentiated only once (create_graph is set)");
    const tensor_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1];
    const Tensor gradient = gradients[0].reshape({-1, weight.size(0)});
    Tensor x_gradient, weight_gradient;
    if (context->needs_input_grad(0)) x_gradient = matrix_product(gradient, weight).view(x.sizes());
    if (context->needs_input_grad(1)) weight_gradient = matrix_product(gradient.t(), x.reshape({-1, x.size(-1)}));
    return {x_gradient, weight_gradient};
  }
};

}  // namespace

Tensor matrix_product(const Tensor& a, const Tensor& b) {
  return is_onednns(a) && a.is_contiguous() ? onednn_linear(a, b.t().contiguous()) : a.mm(b);
}

Tensor affine_map(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (!is_onednns(x)) return at::linear(x, weight, bias);
  const Tensor y = LinearMapFunction::apply(x, weight);
  return bias.defined() ? y + bias : y;
}

}  // namespace infini
