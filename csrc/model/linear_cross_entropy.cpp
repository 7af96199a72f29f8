#include "model/linear_cross_entropy.h"

#include <algorithm>

#include "model/matrix_product.h"

namespace infini {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// As many rows as keep a chunk of logits in the caches of a CPU, but enough to make the matrix product worth its while.
int64_t rows_per_chunk(int64_t vocabulary) { return std::max<int64_t>(128, (int64_t{1} << 22) / vocabulary); }

torch::Dtype wide_dtype(const Tensor& hidden) {
  return hidden.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
}

struct Chunk {
  Tensor hidden;             // [r, D]
  Tensor targets;            // [r, 1], 0 where the row has no target
  Tensor counted;            // [r, 1], the row's weight where it has a target, else 0
  Tensor log_probabilities;  // [r, V], wide
  Tensor losses;             // [r, 1], wide
};

// Calls visit(first row, chunk) for one chunk of rows after the other.
template <class Visit>
void for_each_chunk(const Tensor& hidden, const Tensor& weight, const Tensor& targets,
                    const std::optional<Tensor>& row_weights, const Visit& visit) {
  const int64_t rows = hidden.size(0), step = rows_per_chunk(weight.size(0));
  const torch::Dtype wide = wide_dtype(hidden);
  for (int64_t first = 0; first < rows; first += step) {
    const int64_t length = std::min(step, rows - first);
    Chunk chunk;
    chunk.hidden = hidden.narrow(0, first, length);
    const Tensor chunk_targets = targets.narrow(0, first, length).unsqueeze(1);
    chunk.counted = chunk_targets.ge(0).to(wide);
    if (row_weights) chunk.counted.mul_(row_weights->narrow(0, first, length).unsqueeze(1));
    chunk.targets = chunk_targets.clamp_min(0);
    chunk.log_probabilities = at::log_softmax(matrix_product(chunk.hidden, weight.t()).to(wide), 1);
    chunk.losses = chunk.log_probabilities.gather(1, chunk.targets).neg_().mul_(chunk.counted);
    visit(first, chunk);
  }
}

// d loss / d logits = softmax − onehot(target), for rows that count.
struct LinearCrossEntropyFunction : torch::autograd::Function<LinearCrossEntropyFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& hidden, const Tensor& weight, const Tensor& targets,
                        const std::optional<Tensor>& row_weights, bool hidden_gradient, bool weight_gradient) {
    const torch::Dtype wide = wide_dtype(hidden);
    const Tensor cast_weight = weight.to(hidden.scalar_type());
    Tensor loss = torch::zeros({}, hidden.options().dtype(wide));
    Tensor for_hidden, for_weight;
    if (hidden_gradient) for_hidden = torch::empty_like(hidden);
    if (weight_gradient) for_weight = torch::zeros(weight.sizes(), weight.options().dtype(wide));

    for_each_chunk(hidden, cast_weight, targets, row_weights, [&](int64_t first, Chunk& chunk) {
      loss += chunk.losses.sum();
      if (!hidden_gradient && !weight_gradient) return;
      Tensor for_logits = chunk.log_probabilities.exp_();
      for_logits.scatter_add_(1, chunk.targets, torch::full_like(chunk.losses, -1));
      for_logits = for_logits.to(hidden.scalar_type());
      // Rows without a target are left out here, where a row has D numbers, not V.
      const Tensor counted = chunk.counted.to(hidden.scalar_type());
      if (hidden_gradient) {
        Tensor rows = for_hidden.narrow(0, first, chunk.hidden.size(0));
        at::mul_out(rows, matrix_product(for_logits, cast_weight), counted);
      }
      if (!weight_gradient) return;
      const Tensor counted_hidden = chunk.hidden * counted;
      for_weight.add_(matrix_product(for_logits.t(), counted_hidden));
    });
    context->save_for_backward({for_hidden, for_weight});
    context->saved_data["weight_dtype"] = weight.scalar_type();
    return loss;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    TORCH_CHECK(!torch::GradMode::is_enabled(),
                "linear_cross_entropy can be differentiated only once (create_graph is set)");
    const tensor_list saved = context->get_saved_variables();
    const Tensor &for_hidden = saved[0], &for_weight = saved[1], &scale = gradients[0];
    Tensor hidden_gradient, weight_gradient;
    if (for_hidden.defined()) hidden_gradient = (for_hidden * scale).to(for_hidden.scalar_type());
    if (for_weight.defined()) {
      weight_gradient = (for_weight * scale).to(context->saved_data["weight_dtype"].toScalarType());
    }
    return {hidden_gradient, weight_gradient, Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor linear_cross_entropy(const Tensor& hidden, const Tensor& weight, const Tensor& targets,
                            const std::optional<Tensor>& row_weights) {
  const bool graph = torch::GradMode::is_enabled();
  return LinearCrossEntropyFunction::apply(hidden, weight, targets, row_weights, graph && hidden.requires_grad(),
                                           graph && weight.requires_grad());
}

Tensor linear_token_losses(const Tensor& hidden, const Tensor& weight, const Tensor& targets) {
  const torch::NoGradGuard no_graph;
  Tensor losses = torch::empty({hidden.size(0)}, hidden.options().dtype(wide_dtype(hidden)));
  for_each_chunk(hidden, weight.to(hidden.scalar_type()), targets, std::nullopt,
                 [&](int64_t first, const Chunk& chunk) {
                   losses.narrow(0, first, chunk.losses.size(0)).copy_(chunk.losses.squeeze(1));
                 });
  return losses;
}

}  // namespace infini
