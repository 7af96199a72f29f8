// The rows of weight [V, D] that tokens [...] (int64) name → [..., D] in another dtype. ATen's embedding itself, which
// is deterministic on every device; the gradient is summed in weight's dtype.

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/checks.h"
#include "ops/internal.h"
#include "ops/refuse_double_backward.h"

namespace infini::ops::embedding {
namespace {

using at::Tensor;
using Forward = Tensor(const Tensor&, const Tensor&, at::ScalarType);
using Backward = Tensor(const Tensor&, const Tensor&, c10::SymInt, at::ScalarType);

void check_arguments(const Tensor& weight, const Tensor& tokens, at::ScalarType dtype) {
  check_tensor(weight, "weight", 2, weight);
  TORCH_CHECK(tokens.scalar_type() == at::kLong, "tokens must be int64, but is ", tokens.scalar_type());
  TORCH_CHECK(tokens.device() == weight.device(), "tokens must be on ", weight.device(), " like weight, but is on ",
              tokens.device());
  TORCH_CHECK(at::isFloatingType(dtype), "dtype must be floating, but is ", dtype);
}

Tensor forward(const Tensor& weight, const Tensor& tokens, at::ScalarType dtype) {
  return at::embedding(weight, tokens).to(dtype);
}

Tensor backward(const Tensor& grad, const Tensor& tokens, c10::SymInt vocabulary, at::ScalarType dtype) {
  return at::embedding_dense_backward_symint(grad.to(dtype), tokens, vocabulary, /*padding_idx=*/-1,
                                             /*scale_grad_by_freq=*/false);
}

// ATen's Meta kernels of these two come with Python alone.
Tensor forward_meta(const Tensor& weight, const Tensor& tokens, at::ScalarType dtype) {
  auto shape = tokens.sym_sizes().vec();
  shape.push_back(weight.sym_size(1));
  return at::empty_symint(shape, weight.options().dtype(dtype));
}

Tensor backward_meta(const Tensor& grad, const Tensor&, c10::SymInt vocabulary, at::ScalarType dtype) {
  return at::empty_symint({std::move(vocabulary), grad.sym_size(-1)}, grad.options().dtype(dtype));
}

class EmbedTokens : public torch::autograd::Function<EmbedTokens> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& weight, const Tensor& tokens,
                        at::ScalarType dtype) {
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({tokens});
    context->saved_data["vocabulary"] = weight.sym_size(0);
    context->saved_data["dtype"] = weight.scalar_type();
    return dispatch<"infini::_embed_tokens_forward", Forward>(weight, tokens, dtype);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    return {dispatch<"infini::_embed_tokens_backward", Backward>(gradients[0], context->get_saved_variables()[0],
                                                                 context->saved_data["vocabulary"].toSymInt(),
                                                                 context->saved_data["dtype"].toScalarType()),
            Tensor(), Tensor()};
  }
};

Tensor embed_tokens_autograd(const Tensor& weight, const Tensor& tokens, at::ScalarType dtype) {
  check_arguments(weight, tokens, dtype);
  return EmbedTokens::apply(weight, tokens, dtype);
}

Tensor embed_tokens_kernel(const Tensor& weight, const Tensor& tokens, at::ScalarType dtype) {
  check_arguments(weight, tokens, dtype);
  return dispatch<"infini::_embed_tokens_forward", Forward>(weight, tokens, dtype);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(infini, library) {
  library.def("embed_tokens(Tensor weight, Tensor tokens, ScalarType dtype) -> Tensor");
  library.def("_embed_tokens_forward(Tensor weight, Tensor tokens, ScalarType dtype) -> Tensor");
  library.def("_embed_tokens_backward(Tensor grad, Tensor tokens, SymInt vocabulary, ScalarType dtype) -> Tensor");
}
TORCH_LIBRARY_IMPL(infini, Autograd, library) {
  library.impl("embed_tokens", embed_tokens_autograd);
  library.impl("_embed_tokens_backward", torch::CppFunction::makeFromBoxedFunction<&refuse_double_backward>());
}
TORCH_LIBRARY_IMPL(infini, CompositeExplicitAutograd, library) {
  library.impl("embed_tokens", embed_tokens_kernel);
  library.impl("_embed_tokens_forward", forward);
  library.impl("_embed_tokens_backward", backward);
}
TORCH_LIBRARY_IMPL(infini, Meta, library) {
  library.impl("_embed_tokens_forward", forward_meta);
  library.impl("_embed_tokens_backward", backward_meta);
}

}  // namespace infini::ops::embedding
