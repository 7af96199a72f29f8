#include "model/token_embedding.h"

namespace infini {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// ATen's embedding itself, which is deterministic on every device. Its Meta kernels come with Python alone, so that the
// shapes are given here.
struct EmbedTokensFunction : torch::autograd::Function<EmbedTokensFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& weight, const Tensor& tokens, torch::Dtype dtype) {
    context->save_for_backward({tokens});
    context->saved_data["vocabulary"] = weight.size(0);
    context->saved_data["dtype"] = weight.scalar_type();
    if (weight.is_meta()) {
      std::vector<int64_t> shape = tokens.sizes().vec();
      shape.push_back(weight.size(1));
      return torch::empty(shape, weight.options().dtype(dtype));
    }
    return at::embedding(weight, tokens).to(dtype);
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    TORCH_CHECK(!torch::GradMode::is_enabled(), "embed_tokens can be differentiated only once (create_graph is set)");
    const Tensor tokens = context->get_saved_variables()[0];
    const int64_t vocabulary = context->saved_data["vocabulary"].toInt();
    const Tensor gradient = gradients[0].to(context->saved_data["dtype"].toScalarType());
    const Tensor weight_gradient =
        gradient.is_meta()
            ? torch::empty({vocabulary, gradient.size(-1)}, gradient.options())
            : at::embedding_dense_backward(gradient, tokens, vocabulary, /*padding_idx=*/-1, /*scale_grad=*/false);
    return {weight_gradient, Tensor(), Tensor()};
  }
};

}  // namespace

Tensor embed_tokens(const Tensor& weight, const Tensor& tokens, torch::Dtype dtype) {
  return EmbedTokensFunction::apply(weight, tokens, dtype);
}

}  // namespace infini
