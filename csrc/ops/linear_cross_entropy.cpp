// The loss of a classifier whose logits are never all in memory: with logits = hidden Wᵀ,
//
//   linear_cross_entropy   Σ_rows −w log softmax(logits)[target]
//   linear_token_losses    −log softmax(logits)[target] of every row
//
// over rows with target ≥ 0. A block of rows of logits is computed in hidden's dtype and, in the same pass, turned into
// the gradients of hidden and weight, as d loss / d logits = w (softmax − onehot(target)). hidden [R,D], weight [V,D],
// targets [R] (int64), w: row_weights [R], constant, 1 without. The losses are float32, or float64 where hidden is.

#include "ops/linear_cross_entropy.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>

#include "ops/checks.h"
#include "ops/internal.h"
#include "ops/matrix_product.h"

namespace infini::ops {

int64_t rows_of_logits(c10::DeviceType device, int64_t vocabulary) {
  if (device != c10::DeviceType::CPU) return 4096;
  return std::max<int64_t>(128, (int64_t{1} << 22) / vocabulary);
}

}  // namespace infini::ops

namespace infini::ops::cross_entropy {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;
/// loss, and its gradients of hidden and weight; undefined where not needed.
using Forward = std::tuple<Tensor, Tensor, Tensor>(const Tensor&, const Tensor&, const Tensor&, const OptionalTensor&,
                                                   std::array<bool, 2>);

void check_arguments(const Tensor& hidden, const Tensor& weight, const Tensor& targets,
                     const OptionalTensor& row_weights) {
  TORCH_CHECK(hidden.dim() == 2 && at::isFloatingType(hidden.scalar_type()),
              "hidden must be a floating [rows, width], but is ", hidden.scalar_type(), " ", hidden.sym_sizes());
  check_tensor(weight, "weight", 2, hidden);
  check_size(weight, "weight", 1, hidden.sym_size(1), "hidden's width");
  TORCH_CHECK(targets.dim() == 1 && targets.scalar_type() == at::kLong, "targets must be an int64 [rows], but is ",
              targets.scalar_type(), " ", targets.sym_sizes());
  TORCH_CHECK(targets.device() == hidden.device(), "targets must be on ", hidden.device(), " like hidden, but is on ",
              targets.device());
  check_size(targets, "targets", 0, hidden.sym_size(0), "hidden's rows");
  if (!row_weights) return;
  TORCH_CHECK(row_weights->dim() == 1 && at::isFloatingType(row_weights->scalar_type()),
              "row_weights must be a floating [rows], but is ", row_weights->scalar_type(), " ",
              row_weights->sym_sizes());
  TORCH_CHECK(!row_weights->requires_grad(), "row_weights is a constant, but requires a gradient");
  check_size(*row_weights, "row_weights", 0, hidden.sym_size(0), "hidden's rows");
}

struct RowBlock {
  Tensor hidden;             // [r, D]
  Tensor targets;            // [r, 1], 0 where the row has no target
  Tensor counted;            // [r, 1], the row's weight where it has a target, else 0
  Tensor log_probabilities;  // [r, V], wide
  Tensor losses;             // [r, 1], wide
};

/// Calls visit(first row, block) for one block of rows after the other.
template <class Visit>
void for_each_block(const Tensor& hidden, const Tensor& weight, const Tensor& targets,
                    const OptionalTensor& row_weights, const Visit& visit) {
  const int64_t rows = hidden.size(0), step = rows_of_logits(hidden.device().type(), weight.size(0));
  const auto wide = state_dtype(hidden, hidden);
  for (int64_t first = 0; first < rows; first += step) {
    const int64_t length = std::min(step, rows - first);
    RowBlock block;
    block.hidden = hidden.narrow(0, first, length);
    const Tensor block_targets = targets.narrow(0, first, length).unsqueeze(1);
    block.counted = block_targets.ge(0).to(wide);
    if (row_weights) block.counted.mul_(row_weights->narrow(0, first, length).unsqueeze(1));
    block.targets = block_targets.clamp_min(0);
    block.log_probabilities = at::log_softmax(matrix_product(block.hidden, weight.t()).to(wide), 1);
    block.losses = block.log_probabilities.gather(1, block.targets).neg_().mul_(block.counted);
    visit(first, block);
  }
}

std::tuple<Tensor, Tensor, Tensor> forward(const Tensor& hidden, const Tensor& weight, const Tensor& targets,
                                           const OptionalTensor& row_weights, std::array<bool, 2> needed) {
  const auto wide = state_dtype(hidden, hidden);
  const Tensor cast_weight = weight.to(hidden.scalar_type());
  Tensor loss = at::zeros({}, hidden.options().dtype(wide));
  Tensor for_hidden, for_weight;
  if (needed[0]) for_hidden = at::empty_like(hidden, at::MemoryFormat::Contiguous);
  if (needed[1]) for_weight = at::zeros(weight.sizes(), weight.options().dtype(wide));

  for_each_block(hidden, cast_weight, targets, row_weights, [&](int64_t first, RowBlock& block) {
    loss += block.losses.sum();
    if (!needed[0] && !needed[1]) return;
    Tensor for_logits = block.log_probabilities.exp_();
    for_logits.scatter_add_(1, block.targets, at::full_like(block.losses, -1));
    for_logits = for_logits.to(hidden.scalar_type());
    // Rows without a target are left out here, where a row has D numbers, not V.
    const Tensor counted = block.counted.to(hidden.scalar_type());
    if (needed[0]) {
      Tensor rows = for_hidden.narrow(0, first, block.hidden.size(0));
      at::mul_out(rows, matrix_product(for_logits, cast_weight), counted);
    }
    if (needed[1]) for_weight.add_(matrix_product(for_logits.t(), block.hidden * counted));
  });
  return {loss, for_hidden, for_weight};
}

Tensor token_losses(const Tensor& hidden, const Tensor& weight, const Tensor& targets) {
  check_arguments(hidden, weight, targets, std::nullopt);
  Tensor losses = at::empty({hidden.size(0)}, hidden.options().dtype(state_dtype(hidden, hidden)));
  for_each_block(hidden, weight.to(hidden.scalar_type()), targets, std::nullopt,
                 [&](int64_t first, const RowBlock& block) {
                   losses.narrow(0, first, block.losses.size(0)).copy_(block.losses.squeeze(1));
                 });
  return losses;
}

std::tuple<Tensor, Tensor, Tensor> forward_meta(const Tensor& hidden, const Tensor& weight, const Tensor&,
                                                const OptionalTensor&, std::array<bool, 2> needed) {
  const auto wide = state_dtype(hidden, hidden);
  return {at::empty({}, hidden.options().dtype(wide)),
          needed[0] ? at::empty_symint(hidden.sym_sizes(), hidden.options()) : Tensor(),
          needed[1] ? at::empty_symint(weight.sym_sizes(), weight.options().dtype(wide)) : Tensor()};
}

Tensor token_losses_meta(const Tensor& hidden, const Tensor& weight, const Tensor& targets) {
  check_arguments(hidden, weight, targets, std::nullopt);
  return at::empty_symint({hidden.sym_size(0)}, hidden.options().dtype(state_dtype(hidden, hidden)));
}

class LinearCrossEntropy : public torch::autograd::Function<LinearCrossEntropy> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& hidden, const Tensor& weight,
                        const Tensor& targets, const OptionalTensor& row_weights, std::array<bool, 2> needed) {
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    auto [loss, for_hidden, for_weight] =
        dispatch<"infini::_linear_cross_entropy_forward", Forward>(hidden, weight, targets, row_weights, needed);
    context->save_for_backward({for_hidden, for_weight});
    context->saved_data["weight_dtype"] = weight.scalar_type();
    return loss;
  }

  /// Two products by a scalar, so no op of its own. Nothing that depends on hidden is kept, by which a second
  /// derivative could be known: it is refused at the first.
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    TORCH_CHECK(!at::GradMode::is_enabled(),
                "linear_cross_entropy has a first derivative only, but a second one was asked for (create_graph)");
    const auto saved = context->get_saved_variables();
    const Tensor &for_hidden = saved[0], &for_weight = saved[1], &scale = gradients[0];
    Tensor dhidden, dweight;
    if (for_hidden.defined()) dhidden = (for_hidden * scale).to(for_hidden.scalar_type());
    if (for_weight.defined()) dweight = (for_weight * scale).to(context->saved_data["weight_dtype"].toScalarType());
    return {dhidden, dweight, Tensor(), Tensor(), Tensor()};
  }
};

Tensor linear_cross_entropy_autograd(const Tensor& hidden, const Tensor& weight, const Tensor& targets,
                                     const OptionalTensor& row_weights) {
  check_arguments(hidden, weight, targets, row_weights);
  const bool graph = at::GradMode::is_enabled();
  return LinearCrossEntropy::apply(
      hidden, weight, targets, row_weights,
      std::array<bool, 2>{graph && hidden.requires_grad(), graph && weight.requires_grad()});
}

Tensor linear_cross_entropy_kernel(const Tensor& hidden, const Tensor& weight, const Tensor& targets,
                                   const OptionalTensor& row_weights) {
  check_arguments(hidden, weight, targets, row_weights);
  return std::get<0>(dispatch<"infini::_linear_cross_entropy_forward", Forward>(hidden, weight, targets, row_weights,
                                                                                std::array<bool, 2>{false, false}));
}

/// Without a graph.
Tensor token_losses_autograd(const Tensor& hidden, const Tensor& weight, const Tensor& targets) {
  at::AutoDispatchBelowADInplaceOrView below_autograd;
  return dispatch<"infini::linear_token_losses", Tensor(const Tensor&, const Tensor&, const Tensor&)>(hidden, weight,
                                                                                                      targets);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(infini, library) {
  library.def("linear_cross_entropy(Tensor hidden, Tensor weight, Tensor targets, Tensor? row_weights=None) -> Tensor");
  library.def(
      "_linear_cross_entropy_forward(Tensor hidden, Tensor weight, Tensor targets, Tensor? row_weights, bool[2] "
      "needed) -> (Tensor loss, Tensor for_hidden, Tensor for_weight)");
  library.def("linear_token_losses(Tensor hidden, Tensor weight, Tensor targets) -> Tensor");
}
TORCH_LIBRARY_IMPL(infini, Autograd, library) {
  library.impl("linear_cross_entropy", linear_cross_entropy_autograd);
  library.impl("linear_token_losses", token_losses_autograd);
}
TORCH_LIBRARY_IMPL(infini, CompositeExplicitAutograd, library) {
  library.impl("linear_cross_entropy", linear_cross_entropy_kernel);
  library.impl("_linear_cross_entropy_forward", forward);
  library.impl("linear_token_losses", token_losses);
}
TORCH_LIBRARY_IMPL(infini, Meta, library) {
  library.impl("_linear_cross_entropy_forward", forward_meta);
  library.impl("linear_token_losses", token_losses_meta);
}

}  // namespace infini::ops::cross_entropy
