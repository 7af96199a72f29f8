// Many segments change a memory like one affine map: M_out = transition · M_in + memory. Ranks that share a sequence
// exchange these maps, so they need not wait for each other's states. Segment s adds U_s = σ(K_s)ᵀ V_s; the delta
// update also removes A_s M, A_s = σ(K_s)ᵀ (σ(K_s) / (σ(K_s) z_s)), where z_s is the norm before the segment. So
//   linear  transition = I                          memory = Σ_s U_s
//   delta   transition ← (I − A_s) transition       memory ← (I − A_s) memory + U_s
//   norm    z ← z + Σ_t σ(k_t)
// A start empties the state before its segment: transition, memory and norm become 0 there. Only full segments write.
// k [B,G,N,D], v [B,G,N,E], norm [B,G,D] (incoming), starts [B,S] bool → transition [B,G,D,D], memory [B,G,D,E],
// norm [B,G,D] (outgoing), in double if k or norm is, else in float. F = N / L full segments below.

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/checks.h"
#include "ops/internal.h"
#include "ops/refuse_double_backward.h"
#include "ops/sigma.h"

namespace infini::ops::summary {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;
/// transition, memory, norm; and for the delta update's backward pass, each before every full segment: the norms
/// [B,G,F,D], the corrections A [B,G,F,D,D], and the maps [transition | memory] [B,G,F,D,D+E].
using Results = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor>;
using Forward = Results(const Tensor&, const Tensor&, const Tensor&, int64_t, std::string_view, const OptionalTensor&);
using Backward = std::tuple<Tensor, Tensor, Tensor>(const OptionalTensor&, const OptionalTensor&, const OptionalTensor&,
                                                    const Tensor&, const Tensor&, const Tensor&, int64_t,
                                                    std::string_view, const OptionalTensor&, const Tensor&,
                                                    const Tensor&, const Tensor&);

void check_arguments(const Tensor& k, const Tensor& v, const Tensor& norm, int64_t segment_length,
                     std::string_view update, const OptionalTensor& starts) {
  parse_update(update, false);
  TORCH_CHECK(segment_length > 0, "segment_length must be positive, but is ", segment_length);
  check_tensor(k, "k", 4, k);
  check_tensor(v, "v", 4, k);
  check_tensor(norm, "norm", 3, k);
  check_same_dtype(v, "v", k, "k");
  check_norm(norm);
  check_size(v, "v", 0, k.sym_size(0), "k's batch");
  check_size(v, "v", 1, k.sym_size(1), "k's heads");
  check_size(v, "v", 2, k.sym_size(2), "k's tokens");
  check_size(norm, "norm", 0, k.sym_size(0), "k's batch");
  check_size(norm, "norm", 1, k.sym_size(1), "k's heads");
  check_size(norm, "norm", 2, k.sym_size(3), "k's width");
  check_starts(starts, k, segments_of(k.sym_size(2), segment_length));
}

/// [B,G,N,width] → its full segments [B,G,F,L,width], contiguous, so that one batched product serves all of them.
Tensor full_segments(const Tensor& x, int64_t segment_length, at::ScalarType dtype) {
  const auto full = x.size(2) / segment_length;
  const auto length = full > 0 ? segment_length : 1;  // which may be too long for a size, where none is full
  return x.narrow(2, 0, full * length).unflatten(2, {full, length}).to(dtype).contiguous();
}

/// A gradient [B,G,F,L,width] of the full segments as one of `like` [B,G,N,width]; 0 in a last, partial segment.
Tensor gradient_of_tokens(const Tensor& segments, const Tensor& like) {
  auto out = empty_in_layout_of(like, like.size(3), like.scalar_type());
  const auto written = segments.size(2) * segments.size(3);
  out.narrow(2, 0, written).copy_(segments.flatten(2, 3));
  out.narrow(2, written, out.size(2) - written).zero_();
  return out;
}

/// [B,1,S]: 0 where the state is emptied before the segment, else 1.
Tensor kept(const OptionalTensor& starts, const Tensor& k, int64_t segment_length, at::ScalarType dtype) {
  if (starts) return starts->logical_not().to(dtype).unsqueeze(1);
  return at::ones({k.size(0), 1, segments_of(k.size(2), segment_length).expect_int()}, k.options().dtype(dtype));
}

/// [B,1,S+1]: 1 if neither this segment nor a later one is a start. If entry 0 is 1, the incoming state survives to the
/// end. If entry s + 1 is 1, the writing of segment s survives.
Tensor surviving(const Tensor& keep) {
  return at::cat({keep, keep.new_ones({keep.size(0), 1, 1})}, -1).flip(-1).cumprod(-1).flip(-1);
}

/// Carries a state or its gradient, [B,G,D] or [B,G,D,…], across the border before `segment`. A start empties it there.
/// A last, partial segment has a border too, although it is not written.
Tensor across_border(const Tensor& state, const Tensor& keep, int64_t segment) {
  if (segment == keep.size(2)) return state;
  const auto factor = keep.narrow(2, segment, 1);
  return state * (state.dim() == 4 ? factor.unsqueeze(-1) : factor);
}

/// A state's gradient, or zeros of its shape where there is none.
Tensor defined_or_zeros(const OptionalTensor& gradient, at::IntArrayRef sizes, const at::TensorOptions& options) {
  return gradient ? gradient->to(options.dtype()) : at::zeros(sizes, options);
}

Results forward(const Tensor& k, const Tensor& v, const Tensor& norm, int64_t segment_length, std::string_view update,
                const OptionalTensor& starts) {
  const auto dtype = state_dtype(k, norm);
  const auto batch = k.size(0), groups = k.size(1), key_width = k.size(3), value_width = v.size(3);
  const auto sigma_k = sigma(full_segments(k, segment_length, dtype)), transposed = sigma_k.transpose(-1, -2);
  const auto written = transposed.matmul(full_segments(v, segment_length, dtype));
  const auto summed = sigma_k.sum(-2);
  const auto keep = kept(starts, k, segment_length, dtype);
  const auto full = summed.size(2), steps = update == "delta" ? full : 0;
  auto z = norm.to(dtype).contiguous();
  auto map = at::zeros({batch, groups, key_width, key_width + value_width}, z.options());  // [transition | memory]
  const auto transition = map.narrow(-1, 0, key_width), memory = map.narrow(-1, key_width, value_width);
  const auto diagonal = transition.diagonal(0, -2, -1);
  const auto norms = at::empty({batch, groups, steps, key_width}, z.options());
  const auto maps = at::empty({batch, groups, steps, key_width, key_width + value_width}, z.options());
  auto corrections = at::empty({batch, groups, steps, key_width, key_width}, z.options());

  if (update == "delta") {
    for (int64_t segment = 0; segment < full; ++segment) {
      z = across_border(z, keep, segment);
      norms.select(2, segment).copy_(z);
      z = z + summed.select(2, segment);
    }
    const auto scale = reciprocal_or_zero(sigma_k.matmul(norms.unsqueeze(-1)));
    corrections = transposed.matmul(sigma_k * scale);
    diagonal.fill_(1);
    for (int64_t segment = 0; segment < full; ++segment) {
      const auto before = maps.select(2, segment);
      before.copy_(across_border(map, keep, segment));
      at::sub_out(map, before, corrections.select(2, segment).matmul(before));
      memory.add_(written.select(2, segment));
    }
    map.copy_(across_border(map, keep, full));
    z = across_border(z, keep, full);
  } else {
    const auto survives = surviving(keep);
    const auto incoming = survives.narrow(2, 0, 1), segments = survives.narrow(2, 1, full).unsqueeze(-1);
    diagonal.copy_(incoming.expand_as(diagonal));
    memory.copy_((written * segments.unsqueeze(-1)).sum(2));
    z = z * incoming + (summed * segments).sum(2);
  }
  const auto apart = at::MemoryFormat::Contiguous;
  return {transition.clone(apart), memory.clone(apart), z.is_same(norm) ? z.clone() : z, norms, corrections, maps};
}

std::tuple<Tensor, Tensor, Tensor> backward(const OptionalTensor& grad_transition, const OptionalTensor& grad_memory,
                                            const OptionalTensor& grad_norm, const Tensor& k, const Tensor& v,
                                            const Tensor& norm, int64_t segment_length, std::string_view update,
                                            const OptionalTensor& starts, const Tensor& norms,
                                            const Tensor& corrections, const Tensor& maps) {
  const auto dtype = state_dtype(k, norm);
  const auto batch = k.size(0), groups = k.size(1), key_width = k.size(3), value_width = v.size(3);
  const auto x = full_segments(k, segment_length, dtype), values = full_segments(v, segment_length, dtype);
  const auto sigma_k = sigma(x);
  const auto keep = kept(starts, k, segment_length, dtype);
  const auto full = x.size(2);
  auto dmemory = defined_or_zeros(grad_memory, {batch, groups, key_width, value_width}, x.options());
  auto dnorm = defined_or_zeros(grad_norm, {batch, groups, key_width}, x.options());
  auto dwritten = at::empty({batch, groups, full, key_width, value_width}, x.options());
  auto dsummed = at::empty({batch, groups, full, key_width}, x.options());
  Tensor dsigma;

  if (update == "delta") {
    auto dcorrections = at::empty_like(corrections);  // with the opposite sign
    const auto dtransition = defined_or_zeros(grad_transition, {batch, groups, key_width, key_width}, x.options());
    auto dmap = across_border(at::cat({dtransition, dmemory}, -1), keep, full);
    for (int64_t segment = full - 1; segment >= 0; --segment) {
      dwritten.select(2, segment).copy_(dmap.narrow(-1, key_width, value_width));
      dcorrections.select(2, segment).copy_(dmap.matmul(maps.select(2, segment).transpose(-1, -2)));
      // A correction is symmetric.
      dmap = across_border(dmap - corrections.select(2, segment).matmul(dmap), keep, segment);
    }
    // A = Σ_t scale_t σ_t σ_tᵀ. One product gives the gradients of both factors.
    const auto scale = reciprocal_or_zero(sigma_k.matmul(norms.unsqueeze(-1)));
    const auto product = sigma_k.matmul(dcorrections + dcorrections.transpose(-1, -2));
    const auto ddenominator = (product * sigma_k).sum(-1, true) * scale * scale / 2;
    dsigma = ddenominator * norms.unsqueeze(-2) - product * scale;
    const auto dnorms = sigma_k.transpose(-1, -2).matmul(ddenominator).squeeze(-1);
    dnorm = across_border(dnorm, keep, full);
    for (int64_t segment = full - 1; segment >= 0; --segment) {
      dsummed.select(2, segment).copy_(dnorm);
      dnorm = across_border(dnorm + dnorms.select(2, segment), keep, segment);
    }
  } else {
    const auto survives = surviving(keep);
    const auto segments = survives.narrow(2, 1, full).unsqueeze(-1);
    dwritten = dmemory.unsqueeze(2) * segments.unsqueeze(-1);
    dsummed = dnorm.unsqueeze(2) * segments;
    dnorm = dnorm * survives.narrow(2, 0, 1);
  }
  const auto from_sums = values.matmul(dwritten.transpose(-1, -2)) + dsummed.unsqueeze(-2);
  dsigma = dsigma.defined() ? dsigma + from_sums : from_sums;
  return {gradient_of_tokens(dsigma * sigma_derivative(x, sigma_k), k), gradient_of_tokens(sigma_k.matmul(dwritten), v),
          at::empty_like(norm, at::MemoryFormat::Contiguous).copy_(dnorm)};
}

Results forward_meta(const Tensor& k, const Tensor& v, const Tensor& norm, int64_t segment_length,
                     std::string_view update, const OptionalTensor& starts) {
  const auto batch = k.sym_size(0), groups = k.sym_size(1), key_width = k.sym_size(3), value_width = v.sym_size(3);
  const auto steps = update == "delta" ? k.sym_size(2) / segment_length : c10::SymInt(0);
  const auto state = norm.options().dtype(state_dtype(k, norm));
  return {at::empty_symint({batch, groups, key_width, key_width}, state),
          at::empty_symint({batch, groups, key_width, value_width}, state),
          at::empty_symint({batch, groups, key_width}, state),
          at::empty_symint({batch, groups, steps, key_width}, state),
          at::empty_symint({batch, groups, steps, key_width, key_width}, state),
          at::empty_symint({batch, groups, steps, key_width, key_width + value_width}, state)};
}

std::tuple<Tensor, Tensor, Tensor> backward_meta(const OptionalTensor& grad_transition,
                                                 const OptionalTensor& grad_memory, const OptionalTensor& grad_norm,
                                                 const Tensor& k, const Tensor& v, const Tensor& norm,
                                                 int64_t segment_length, std::string_view update,
                                                 const OptionalTensor& starts, const Tensor& norms,
                                                 const Tensor& corrections, const Tensor& maps) {
  return {empty_in_layout_of(k, k.sym_size(3), k.scalar_type()), empty_in_layout_of(v, v.sym_size(3), v.scalar_type()),
          at::empty_symint(norm.sym_sizes(), norm.options())};
}

class MemorySummary : public torch::autograd::Function<MemorySummary> {
 public:
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context, const Tensor& k,
                                                const Tensor& v, const Tensor& norm, int64_t segment_length,
                                                std::string_view update, const OptionalTensor& starts) {
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    auto [transition, memory, norm_out, norms, corrections, maps] =
        dispatch<"infini::_memory_summary_forward", Forward>(k, v, norm, segment_length, update, starts);
    context->save_for_backward({k, v, norm, starts.value_or(Tensor()), norms, corrections, maps});
    context->saved_data["segment_length"] = segment_length;
    context->saved_data["update"] = std::string(update);
    context->set_materialize_grads(false);
    return {transition, memory, norm_out};
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto optional = [](const Tensor& tensor) { return tensor.defined() ? OptionalTensor(tensor) : std::nullopt; };
    const auto update = context->saved_data["update"].toStringRef();
    auto [dk, dv, dnorm] = dispatch<"infini::_memory_summary_backward", Backward>(
        optional(gradients[0]), optional(gradients[1]), optional(gradients[2]), saved[0], saved[1], saved[2],
        context->saved_data["segment_length"].toInt(), std::string_view(update), optional(saved[3]), saved[4], saved[5],
        saved[6]);
    return {dk, dv, dnorm, Tensor(), Tensor(), Tensor()};
  }
};

std::tuple<Tensor, Tensor, Tensor> memory_summary_autograd(const Tensor& k, const Tensor& v, const Tensor& norm,
                                                           int64_t segment_length, std::string_view update,
                                                           const OptionalTensor& starts) {
  check_arguments(k, v, norm, segment_length, update, starts);
  auto result = MemorySummary::apply(k, v, norm, segment_length, update, starts);
  return {result[0], result[1], result[2]};
}

std::tuple<Tensor, Tensor, Tensor> memory_summary_kernel(const Tensor& k, const Tensor& v, const Tensor& norm,
                                                         int64_t segment_length, std::string_view update,
                                                         const OptionalTensor& starts) {
  check_arguments(k, v, norm, segment_length, update, starts);
  auto result = dispatch<"infini::_memory_summary_forward", Forward>(k, v, norm, segment_length, update, starts);
  return {std::get<0>(result), std::get<1>(result), std::get<2>(result)};
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(infini, library) {
  library.def(
      "memory_summary(Tensor k, Tensor v, Tensor norm, int segment_length, str update, Tensor? starts=None) -> "
      "(Tensor transition, Tensor memory, Tensor norm)");
  library.def(
      "_memory_summary_forward(Tensor k, Tensor v, Tensor norm, int segment_length, str update, Tensor? starts) -> "
      "(Tensor transition, Tensor memory, Tensor norm, Tensor norms, Tensor corrections, Tensor maps)");
  library.def(
      "_memory_summary_backward(Tensor? grad_transition, Tensor? grad_memory, Tensor? grad_norm, Tensor k, Tensor v, "
      "Tensor norm, int segment_length, str update, Tensor? starts, Tensor norms, Tensor corrections, Tensor maps) -> "
      "(Tensor dk, Tensor dv, Tensor dnorm)");
}
TORCH_LIBRARY_IMPL(infini, Autograd, library) {
  library.impl("memory_summary", memory_summary_autograd);
  library.impl("_memory_summary_backward", torch::CppFunction::makeFromBoxedFunction<&refuse_double_backward>());
}
TORCH_LIBRARY_IMPL(infini, CompositeExplicitAutograd, library) {
  library.impl("memory_summary", memory_summary_kernel);
  library.impl("_memory_summary_forward", forward);
  library.impl("_memory_summary_backward", backward);
}
TORCH_LIBRARY_IMPL(infini, Meta, library) {
  library.impl("memory_summary", memory_summary_kernel);
  library.impl("_memory_summary_forward", forward_meta);
  library.impl("_memory_summary_backward", backward_meta);
}

}  // namespace infini::ops::summary
