// A short causal convolution of every channel by itself. With w taps, and z_t = x_t, or before_{w−1+t} for t < 0:
//
//   y_t  = Σ_j weight[w−1−j] z_{t−j}         j = 0 … w−1: the last tap multiplies the token itself
//   dz_t = Σ_j weight[w−1−j] dy_{t+j}        dweight[w−1−j] = Σ_t dy_t z_{t−j}
//
// A sum leaves out all pairs of tokens t − j and t that belong to different documents: a document begins with each
// segment that `starts` [B,S] marks, segments have segment_length tokens, and `before` goes on into the first segment.
//
// x [B,N,C], before [B,w−1,C], the tokens before x, weight [C,1,w] as torch's conv1d takes it → like x, contiguous.
// Sums are in float32, or in float64 where x is; each gradient has its input's dtype.

#include "ops/short_convolution.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/checks.h"
#include "ops/internal.h"
#include "ops/refuse_double_backward.h"

namespace infini::ops {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

/// The number of each token's document, [B, w−1+N]. 0: the one to which `before` belongs.
Tensor document_numbers(const Tensor& starts, int64_t tokens, int64_t segment_length, int64_t before) {
  const Tensor segment = at::arange(tokens, starts.options().dtype(at::kLong)).div(segment_length, "floor");
  return at::constant_pad_nd(starts.cumsum(1).index_select(1, segment), {before, 0});
}

/// Calls body(i, z, same) for each tap i: z [B,N,C] is what the tap multiplies; `same` [B,N,1], if defined, where it
/// belongs to the token's own document.
template <typename Body>
void for_each_tap(const Tensor& x, const Tensor& before, int64_t segment_length, const OptionalTensor& starts,
                  const Body& body) {
  const int64_t tokens = x.size(1), earlier = before.size(1);
  const Tensor z = at::cat({before, x}, 1).to(state_dtype(x, x));
  Tensor documents;
  if (starts) documents = document_numbers(*starts, tokens, segment_length, earlier).unsqueeze(2);
  for (int64_t i = 0; i <= earlier; ++i) {
    Tensor same;
    if (starts) same = documents.narrow(1, i, tokens).eq(documents.narrow(1, earlier, tokens));
    body(i, z.narrow(1, i, tokens), same);
  }
}

Tensor where_same(const Tensor& same, const Tensor& values) {
  return same.defined() ? values.masked_fill(same.logical_not(), 0) : values;
}

}  // namespace

Tensor composed_short_convolution(const Tensor& x, const Tensor& before, const Tensor& weight, int64_t segment_length,
                                  const OptionalTensor& starts) {
  const Tensor taps = weight.to(state_dtype(x, x));
  Tensor y = at::zeros(x.sizes(), taps.options());
  for_each_tap(x, before, segment_length, starts, [&](int64_t i, const Tensor& z, const Tensor& same) {
    y.addcmul_(where_same(same, z), taps.select(2, i).squeeze(1));
  });
  return y.to(x.scalar_type());
}

std::tuple<Tensor, Tensor, Tensor> composed_short_convolution_backward(const Tensor& grad, const Tensor& x,
                                                                       const Tensor& before, const Tensor& weight,
                                                                       int64_t segment_length,
                                                                       const OptionalTensor& starts,
                                                                       std::array<bool, 3> needed) {
  const int64_t tokens = x.size(1), earlier = before.size(1);
  const Tensor taps = weight.to(state_dtype(x, x)), dy = grad.to(taps.scalar_type());
  Tensor dz = at::zeros({x.size(0), earlier + tokens, x.size(2)}, taps.options()), dtaps = at::empty_like(taps);
  for_each_tap(x, before, segment_length, starts, [&](int64_t i, const Tensor& z, const Tensor& same) {
    dz.narrow(1, i, tokens).addcmul_(where_same(same, dy), taps.select(2, i).squeeze(1));
    dtaps.select(2, i).squeeze(1).copy_((dy * where_same(same, z)).sum(at::IntArrayRef{0, 1}));
  });
  const auto result = [&](bool is_needed, const Tensor& value, const Tensor& like) {
    return is_needed ? value.to(like.scalar_type()).contiguous() : Tensor();
  };
  return {result(needed[0], dz.narrow(1, earlier, tokens), x), result(needed[1], dz.narrow(1, 0, earlier), before),
          result(needed[2], dtaps, weight)};
}

namespace short_convolution_op {
namespace {

using Forward = Tensor(const Tensor&, const Tensor&, const Tensor&, int64_t, const OptionalTensor&);
using Backward = std::tuple<Tensor, Tensor, Tensor>(const Tensor&, const Tensor&, const Tensor&, const Tensor&, int64_t,
                                                    const OptionalTensor&, std::array<bool, 3>);

void check_arguments(const Tensor& x, const Tensor& before, const Tensor& weight, int64_t segment_length,
                     const OptionalTensor& starts) {
  check_tensor(x, "x", 3, x);
  check_tensor(weight, "weight", 3, x);
  check_size(weight, "weight", 0, x.sym_size(2), "x's channels");
  check_size(weight, "weight", 1, 1, "each channel by itself");
  const auto taps = weight.sym_size(2);
  TORCH_CHECK(taps >= fewest_taps && taps <= most_taps, "weight must have ", fewest_taps, " to ", most_taps,
              " taps in dimension 2, but has shape ", weight.sym_sizes());
  check_tensor(before, "before", 3, x);
  check_same_dtype(before, "before", x, "x");
  check_size(before, "before", 0, x.sym_size(0), "x's batch");
  check_size(before, "before", 1, taps - 1, "one less than weight's taps");
  check_size(before, "before", 2, x.sym_size(2), "x's channels");
  TORCH_CHECK(segment_length > 0, "segment_length must be positive, but is ", segment_length);
  check_starts(starts, x, segments_of(x.sym_size(1), segment_length));
}

Tensor forward_meta(const Tensor& x, const Tensor&, const Tensor&, int64_t, const OptionalTensor&) {
  return at::empty_symint(x.sym_sizes(), x.options());
}

std::tuple<Tensor, Tensor, Tensor> backward_meta(const Tensor&, const Tensor& x, const Tensor& before,
                                                 const Tensor& weight, int64_t, const OptionalTensor&,
                                                 std::array<bool, 3> needed) {
  const auto like = [](bool is_needed, const Tensor& input) {
    return is_needed ? at::empty_symint(input.sym_sizes(), input.options()) : Tensor();
  };
  return {like(needed[0], x), like(needed[1], before), like(needed[2], weight)};
}

class ShortConvolution : public torch::autograd::Function<ShortConvolution> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& before,
                        const Tensor& weight, int64_t segment_length, const OptionalTensor& starts) {
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({x, before, weight, starts.value_or(Tensor())});
    context->saved_data["segment_length"] = segment_length;
    return dispatch<"infini::_short_convolution_forward", Forward>(x, before, weight, segment_length, starts);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const OptionalTensor starts = saved[3].defined() ? OptionalTensor(saved[3]) : std::nullopt;
    auto [dx, dbefore, dweight] = dispatch<"infini::_short_convolution_backward", Backward>(
        gradients[0], saved[0], saved[1], saved[2], context->saved_data["segment_length"].toInt(), starts,
        std::array<bool, 3>{context->needs_input_grad(0), context->needs_input_grad(1), context->needs_input_grad(2)});
    return {dx, dbefore, dweight, Tensor(), Tensor()};
  }
};

Tensor short_convolution_autograd(const Tensor& x, const Tensor& before, const Tensor& weight, int64_t segment_length,
                                  const OptionalTensor& starts) {
  check_arguments(x, before, weight, segment_length, starts);
  return ShortConvolution::apply(x, before, weight, segment_length, starts);
}

Tensor short_convolution_kernel(const Tensor& x, const Tensor& before, const Tensor& weight, int64_t segment_length,
                                const OptionalTensor& starts) {
  check_arguments(x, before, weight, segment_length, starts);
  return dispatch<"infini::_short_convolution_forward", Forward>(x, before, weight, segment_length, starts);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(infini, library) {
  library.def(
      "short_convolution(Tensor x, Tensor before, Tensor weight, int segment_length, Tensor? starts=None) -> Tensor");
  library.def(
      "_short_convolution_forward(Tensor x, Tensor before, Tensor weight, int segment_length, Tensor? starts) -> "
      "Tensor");
  library.def(
      "_short_convolution_backward(Tensor grad, Tensor x, Tensor before, Tensor weight, int segment_length, Tensor? "
      "starts, bool[3] needed) -> (Tensor dx, Tensor dbefore, Tensor dweight)");
}
TORCH_LIBRARY_IMPL(infini, Autograd, library) {
  library.impl("short_convolution", short_convolution_autograd);
  library.impl("_short_convolution_backward", torch::CppFunction::makeFromBoxedFunction<&refuse_double_backward>());
}
TORCH_LIBRARY_IMPL(infini, CompositeExplicitAutograd, library) {
  library.impl("short_convolution", short_convolution_kernel);
  library.impl("_short_convolution_forward", composed_short_convolution);
  library.impl("_short_convolution_backward", composed_short_convolution_backward);
}
TORCH_LIBRARY_IMPL(infini, Meta, library) {
  library.impl("short_convolution", short_convolution_kernel);
  library.impl("_short_convolution_forward", forward_meta);
  library.impl("_short_convolution_backward", backward_meta);
}

}  // namespace short_convolution_op
}  // namespace infini::ops
