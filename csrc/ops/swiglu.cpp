// silu(gate) · up, elementwise, with silu(x) = x · sigmoid(x). Keeps gate and up alone; silu(gate), which autograd
// would keep as well, is computed again.

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/checks.h"
#include "ops/internal.h"
#include "ops/refuse_double_backward.h"

namespace infini::ops::gated_unit {
namespace {

using at::Tensor;
using Forward = Tensor(const Tensor&, const Tensor&);
using Backward = std::tuple<Tensor, Tensor>(const Tensor&, const Tensor&, const Tensor&);

void check_arguments(const Tensor& gate, const Tensor& up) {
  TORCH_CHECK(at::isFloatingType(gate.scalar_type()), "gate must be floating, but is ", gate.scalar_type());
  TORCH_CHECK(up.device() == gate.device(), "up must be on ", gate.device(), " like gate, but is on ", up.device());
  check_same_dtype(up, "up", gate, "gate");
  TORCH_CHECK(up.sym_sizes() == gate.sym_sizes(), "up must have gate's shape ", gate.sym_sizes(), ", but has ",
              up.sym_sizes());
}

Tensor forward(const Tensor& gate, const Tensor& up) { return at::silu(gate).mul_(up); }

std::tuple<Tensor, Tensor> backward(const Tensor& grad, const Tensor& gate, const Tensor& up) {
  return {at::silu_backward(grad * up, gate), at::silu(gate).mul_(grad)};
}

class Swiglu : public torch::autograd::Function<Swiglu> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& gate, const Tensor& up) {
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({gate, up});
    return dispatch<"infini::_swiglu_forward", Forward>(gate, up);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    auto [dgate, dup] = dispatch<"infini::_swiglu_backward", Backward>(gradients[0], saved[0], saved[1]);
    return {dgate, dup};
  }
};

Tensor swiglu_autograd(const Tensor& gate, const Tensor& up) {
  check_arguments(gate, up);
  return Swiglu::apply(gate, up);
}

Tensor swiglu_kernel(const Tensor& gate, const Tensor& up) {
  check_arguments(gate, up);
  return dispatch<"infini::_swiglu_forward", Forward>(gate, up);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(infini, library) {
  library.def("swiglu(Tensor gate, Tensor up) -> Tensor");
  library.def("_swiglu_forward(Tensor gate, Tensor up) -> Tensor");
  library.def("_swiglu_backward(Tensor grad, Tensor gate, Tensor up) -> (Tensor dgate, Tensor dup)");
}
TORCH_LIBRARY_IMPL(infini, Autograd, library) {
  library.impl("swiglu", swiglu_autograd);
  library.impl("_swiglu_backward", torch::CppFunction::makeFromBoxedFunction<&refuse_double_backward>());
}
// For Meta tensors too: ATen's ops know their shapes.
TORCH_LIBRARY_IMPL(infini, CompositeExplicitAutograd, library) {
  library.impl("swiglu", swiglu_kernel);
  library.impl("_swiglu_forward", forward);
  library.impl("_swiglu_backward", backward);
}

}  // namespace infini::ops::gated_unit
