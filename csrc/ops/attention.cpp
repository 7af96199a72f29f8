// The whole of Infini-attention over N tokens (arXiv 2404.07143, equations 2 to 10), any number of segments:
//
//   A_dot = softmax(rotate(Q) rotate(K)ᵀ / √D) V              causal, inside each segment
//   A_mem = σ(Q) M / (σ(Q) z)                                 M, z as they were before the segment
//   out   = sigmoid(β) A_mem + (1 − sigmoid(β)) A_dot         A_dot alone where the memory is empty
//   M    += σ(K)ᵀ V                                           linear
//   M    += σ(K)ᵀ (V − σ(K) M / (σ(K) z))                     delta
//   z    += Σ_t σ(K_t)
//
// q [B,H,N,D], k [B,G,N,D], v [B,G,N,E], beta [H], memory [B,G,D,E], norm [B,G,D], cos and sin [L,D], starts [B,S]
// bool, gain [B,S] → out [B,H,N,E], memory, norm.
//
// The forward op also returns `local` = A_dot, which the gradients of the softmax and of β need: got back out of `out`
// by subtracting the memory's part, it would lose what sigmoid(β) near 1 leaves of it to rounding. For update none,
// `out` itself is A_dot and `local` is empty.

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/attention_schema.h"
#include "ops/checks.h"
#include "ops/refuse_double_backward.h"

namespace infini::ops::infini_attention {
namespace {

using at::Tensor;
using Outputs = std::tuple<Tensor, Tensor, Tensor>;

void check_arguments(const AttentionArguments& arguments) {
  const auto& [q, k, v, beta, memory, norm, cos, sin, segment_length, update, starts, gain] = arguments;
  parse_update(update, true);
  TORCH_CHECK(segment_length > 0, "segment_length must be positive, but is ", segment_length);
  check_tensor(q, "q", 4, q);
  check_tensor(k, "k", 4, q);
  check_tensor(v, "v", 4, q);
  check_tensor(beta, "beta", 1, q);
  check_tensor(memory, "memory", 4, q);
  check_tensor(norm, "norm", 3, q);
  check_tensor(cos, "cos", 2, q);
  check_tensor(sin, "sin", 2, q);
  check_same_dtype(k, "k", q, "q");
  check_same_dtype(v, "v", q, "q");
  check_state(memory, norm);
  check_groups(q.sym_size(1), k.sym_size(1), "q");
  check_size(k, "k", 0, q.sym_size(0), "q's batch");
  check_size(k, "k", 2, q.sym_size(2), "q's tokens");
  check_size(k, "k", 3, q.sym_size(3), "q's width");
  check_size(v, "v", 0, q.sym_size(0), "q's batch");
  check_size(v, "v", 1, k.sym_size(1), "k's heads");
  check_size(v, "v", 2, q.sym_size(2), "q's tokens");
  check_size(beta, "beta", 0, q.sym_size(1), "q's heads");
  check_size(memory, "memory", 0, q.sym_size(0), "q's batch");
  check_size(memory, "memory", 1, k.sym_size(1), "k's heads");
  check_size(memory, "memory", 2, k.sym_size(3), "k's width");
  check_size(memory, "memory", 3, v.sym_size(3), "v's width");
  TORCH_CHECK(q.sym_size(3) % 2 == 0, "q must have an even width for rotary embedding, but has shape ", q.sym_sizes());
  for (const auto& [table, name] : {std::pair{&cos, "cos"}, std::pair{&sin, "sin"}}) {
    TORCH_CHECK(!table->requires_grad(), name, " is a constant, but requires a gradient");
    check_size(*table, name, 0, segment_length, "segment_length");
    check_size(*table, name, 1, q.sym_size(3), "q's width");
  }
  const auto segments = segments_of(q.sym_size(2), segment_length);
  check_starts(starts, q, segments);
  check_gain(gain, q, segments);
}

AttentionForward call_forward(const AttentionArguments& arguments) {
  return attention_schema::call<"infini::_attention_forward", AttentionForward>(arguments);
}

class Attention : public torch::autograd::Function<Attention> {
 public:
  /// The six tensors stand before the arguments that hold them, so that torch sees what may require a gradient.
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context, const Tensor& q,
                                                const Tensor& k, const Tensor& v, const Tensor& beta, const Tensor&,
                                                const Tensor&, const AttentionArguments& arguments) {
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    auto [out, memory, norm, logsumexp, memories, norms, transitions, local] = call_forward(arguments);
    context->save_for_backward({q, k, v, beta, arguments.cos, arguments.sin, arguments.starts.value_or(Tensor()),
                                arguments.gain.value_or(Tensor()), arguments.update == "none" ? out : local, logsumexp,
                                memories, norms, transitions});
    context->saved_data["segment_length"] = arguments.segment_length;
    context->saved_data["update"] = arguments.update;
    context->saved_data["memory_dtype"] = arguments.memory.scalar_type();
    context->saved_data["norm_dtype"] = arguments.norm.scalar_type();
    context->set_materialize_grads(false);
    return {out, memory, norm};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto optional = [](const Tensor& tensor) {
      return tensor.defined() ? std::optional<Tensor>(tensor) : std::nullopt;
    };
    auto [dq, dk, dv, dbeta, dmemory, dnorm] =
        attention_schema::call_backward({optional(gradients[0]), optional(gradients[1]), optional(gradients[2])},
                                        {.q = saved[0],
                                         .k = saved[1],
                                         .v = saved[2],
                                         .beta = saved[3],
                                         .cos = saved[4],
                                         .sin = saved[5],
                                         .segment_length = context->saved_data["segment_length"].toInt(),
                                         .update = context->saved_data["update"].toStringRef(),
                                         .starts = optional(saved[6]),
                                         .gain = optional(saved[7])},
                                        {saved[8], saved[9], saved[10], saved[11], saved[12]});
    return {dq,
            dk,
            dv,
            dbeta,
            dmemory.to(context->saved_data["memory_dtype"].toScalarType()),
            dnorm.to(context->saved_data["norm_dtype"].toScalarType()),
            Tensor()};
  }
};

Outputs attention_autograd(const AttentionArguments& arguments) {
  check_arguments(arguments);
  const auto outputs = Attention::apply(arguments.q, arguments.k, arguments.v, arguments.beta, arguments.memory,
                                        arguments.norm, arguments);
  return {outputs[0], outputs[1], outputs[2]};
}

Outputs attention(const AttentionArguments& arguments) {
  check_arguments(arguments);
  const auto result = call_forward(arguments);
  return {std::get<0>(result), std::get<1>(result), std::get<2>(result)};
}

AttentionForward attention_forward_meta(const AttentionArguments& arguments) {
  const Tensor &q = arguments.q, &k = arguments.k, &v = arguments.v;
  const auto batch = q.sym_size(0), heads = q.sym_size(1), groups = k.sym_size(1), tokens = q.sym_size(2);
  const auto key_width = q.sym_size(3), value_width = v.sym_size(3);
  const int64_t segment_length = arguments.segment_length;
  const bool writes = arguments.update != "none";
  const auto segments = writes ? segments_of(tokens, segment_length) : c10::SymInt(0);
  const auto state = q.options().dtype(state_dtype(q, arguments.memory));
  const auto written = arguments.update == "delta" ? tokens / segment_length : c10::SymInt(0);
  return {empty_in_layout_of(q, value_width, q.scalar_type()),
          at::empty_symint({batch, groups, key_width, value_width}, state),
          at::empty_symint({batch, groups, key_width}, state),
          at::empty_symint({batch, heads, tokens}, state),
          at::empty_symint({batch, groups, segments, key_width, value_width}, state),
          at::empty_symint({batch, groups, segments, key_width}, state),
          at::empty_symint({batch, groups, written, key_width, key_width}, state),
          writes ? empty_in_layout_of(q, value_width, q.scalar_type())
                 : at::empty_symint({batch, heads, 0, value_width}, q.options())};
}

AttentionBackward attention_backward_meta(const AttentionOutputGradients&, const AttentionArguments& arguments,
                                          const AttentionSaved& saved) {
  const Tensor &q = arguments.q, &k = arguments.k, &v = arguments.v;
  const Tensor &memories = saved.memories, &norms = saved.norms;
  return {empty_in_layout_of(q, q.sym_size(3), q.scalar_type()),
          empty_in_layout_of(k, k.sym_size(3), k.scalar_type()),
          empty_in_layout_of(v, v.sym_size(3), v.scalar_type()),
          at::empty_symint(arguments.beta.sym_sizes(), arguments.beta.options()),
          at::empty_symint({memories.sym_size(0), memories.sym_size(1), memories.sym_size(3), memories.sym_size(4)},
                           memories.options()),
          at::empty_symint({norms.sym_size(0), norms.sym_size(1), norms.sym_size(3)}, norms.options())};
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(infini, library) {
  library.def(
      "attention(Tensor q, Tensor k, Tensor v, Tensor beta, Tensor memory, Tensor norm, Tensor cos, Tensor sin, "
      "int segment_length, str update, Tensor? starts=None, Tensor? gain=None) -> (Tensor out, Tensor memory, Tensor "
      "norm)");
  library.def(
      "_attention_forward(Tensor q, Tensor k, Tensor v, Tensor beta, Tensor memory, Tensor norm, Tensor cos, Tensor "
      "sin, int segment_length, str update, Tensor? starts, Tensor? gain) -> (Tensor out, Tensor memory, Tensor norm, "
      "Tensor logsumexp, Tensor memories, Tensor norms, Tensor transitions, Tensor local)");
  library.def(
      "_attention_backward(Tensor? grad_out, Tensor? grad_memory, Tensor? grad_norm, Tensor q, Tensor k, Tensor v, "
      "Tensor beta, Tensor cos, Tensor sin, int segment_length, str update, Tensor? starts, Tensor? gain, Tensor "
      "local, Tensor logsumexp, Tensor memories, Tensor norms, Tensor transitions) -> (Tensor dq, Tensor dk, Tensor "
      "dv, Tensor dbeta, Tensor dmemory, Tensor dnorm)");
}

TORCH_LIBRARY_IMPL(infini, Autograd, library) {
  library.impl("attention", attention_schema::collected<attention_autograd>);
  library.impl("_attention_backward", torch::CppFunction::makeFromBoxedFunction<&refuse_double_backward>());
}
TORCH_LIBRARY_IMPL(infini, CompositeExplicitAutograd, library) {
  library.impl("attention", attention_schema::collected<attention>);
}
TORCH_LIBRARY_IMPL(infini, Meta, library) {
  library.impl("attention", attention_schema::collected<attention>);
  library.impl("_attention_forward", attention_schema::collected<attention_forward_meta>);
  library.impl("_attention_backward", attention_schema::collected_backward<attention_backward_meta>);
}

}  // namespace infini::ops::infini_attention
