// Rotary position embedding in the rotate-half layout: x·cos + (−x₂, x₁)·sin, where x = (x₁, x₂) are the halves.
// x [...,N,D], cos and sin [N,D] → like x. Local attention rotates q and k this way inside `attention`; decoding, which
// holds keys one token at a time, calls it directly.

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/checks.h"
#include "ops/internal.h"
#include "ops/refuse_double_backward.h"

namespace infini::ops::rotation {
namespace {

using at::Tensor;
using Rotation = Tensor(const Tensor&, const Tensor&, const Tensor&);

void check_arguments(const Tensor& x, const Tensor& cos, const Tensor& sin) {
  TORCH_CHECK(x.dim() >= 2 && at::isFloatingType(x.scalar_type()) && x.sym_size(-1) % 2 == 0,
              "x must be a floating [..., tokens, even width], but is ", x.scalar_type(), " ", x.sym_sizes());
  check_not_empty(x, "x");
  for (const auto& [table, name] : {std::pair{&cos, "cos"}, std::pair{&sin, "sin"}}) {
    check_tensor(*table, name, 2, x);
    check_size(*table, name, 0, x.sym_size(-2), "x's tokens");
    check_size(*table, name, 1, x.sym_size(-1), "x's width");
    TORCH_CHECK(!table->requires_grad(), name, " is a constant, but requires a gradient");
  }
}

/// In float32 at least: bfloat16 tables would turn a far position by the wrong angle.
at::ScalarType arithmetic(const Tensor& x) { return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat; }

Tensor forward(const Tensor& x, const Tensor& cos, const Tensor& sin) {
  const auto halves = x.to(arithmetic(x)).chunk(2, -1);
  const auto wide = at::cat({halves[0], halves[1]}, -1), turned = at::cat({-halves[1], halves[0]}, -1);
  return (wide * cos.to(wide.scalar_type()) + turned * sin.to(wide.scalar_type())).to(x.scalar_type());
}

/// The transpose of the rotation: for tables whose halves are equal, the rotation by −angle.
Tensor backward(const Tensor& grad, const Tensor& cos, const Tensor& sin) {
  const auto dtype = arithmetic(grad);
  const auto direct = (grad.to(dtype) * cos.to(dtype)).chunk(2, -1),
             crossed = (grad.to(dtype) * sin.to(dtype)).chunk(2, -1);
  return at::cat({direct[0] + crossed[1], direct[1] - crossed[0]}, -1).to(grad.scalar_type());
}

Tensor meta(const Tensor& x, const Tensor& cos, const Tensor& sin) {
  return at::empty_symint(x.sym_sizes(), x.options());
}

class Rotate : public torch::autograd::Function<Rotate> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& cos,
                        const Tensor& sin) {
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({cos, sin});
    return dispatch<"infini::_rotate_forward", Rotation>(x, cos, sin);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    return {dispatch<"infini::_rotate_backward", Rotation>(gradients[0], saved[0], saved[1]), Tensor(), Tensor()};
  }
};

Tensor rotate_autograd(const Tensor& x, const Tensor& cos, const Tensor& sin) {
  check_arguments(x, cos, sin);
  return Rotate::apply(x, cos, sin);
}

Tensor rotate_kernel(const Tensor& x, const Tensor& cos, const Tensor& sin) {
  check_arguments(x, cos, sin);
  return dispatch<"infini::_rotate_forward", Rotation>(x, cos, sin);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(infini, library) {
  library.def("rotate(Tensor x, Tensor cos, Tensor sin) -> Tensor");
  library.def("_rotate_forward(Tensor x, Tensor cos, Tensor sin) -> Tensor");
  library.def("_rotate_backward(Tensor grad, Tensor cos, Tensor sin) -> Tensor");
}
TORCH_LIBRARY_IMPL(infini, Autograd, library) {
  library.impl("rotate", rotate_autograd);
  library.impl("_rotate_backward", torch::CppFunction::makeFromBoxedFunction<&refuse_double_backward>());
}
TORCH_LIBRARY_IMPL(infini, CompositeExplicitAutograd, library) {
  library.impl("rotate", rotate_kernel);
  library.impl("_rotate_forward", forward);
  library.impl("_rotate_backward", backward);
}
TORCH_LIBRARY_IMPL(infini, Meta, library) {
  library.impl("rotate", rotate_kernel);
  library.impl("_rotate_forward", meta);
  library.impl("_rotate_backward", meta);
}

}  // namespace infini::ops::rotation
