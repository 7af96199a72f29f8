#pragma once

#include <optional>
#include <string_view>
#include <tuple>

#include "ops/attention_arguments.h"
#include "ops/internal.h"

/// The internal ops `infini::_attention_forward` and `infini::_attention_backward`: how a kernel for them is written,
/// and how they are called. Their schemas take every argument by itself; the kernels take these structs.
namespace infini::ops {

/// out, memory, norm, logsumexp, memories, norms, transitions, local.
using AttentionForward =
    std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor>;
/// dq, dk, dv, dbeta, dmemory, dnorm.
using AttentionBackward = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor>;

/// The gradients of the op's outputs; none where nothing came through one.
struct AttentionOutputGradients {
  std::optional<at::Tensor> out, memory, norm;
};

/// What the forward pass kept; `local` is A_dot.
struct AttentionSaved {
  at::Tensor local, logsumexp, memories, norms, transitions;
};

using AttentionForwardKernel = AttentionForward(const AttentionArguments&);
/// Here the arguments are without memory and norm: `saved` has those before each segment.
using AttentionBackwardKernel = AttentionBackward(const AttentionOutputGradients&, const AttentionArguments&,
                                                  const AttentionSaved&);

namespace attention_schema {

template <typename Result>
using Function = Result(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& beta,
                        const at::Tensor& memory, const at::Tensor& norm, const at::Tensor& cos, const at::Tensor& sin,
                        int64_t segment_length, std::string_view update, const std::optional<at::Tensor>& starts,
                        const std::optional<at::Tensor>& gain);
using Backward = AttentionBackward(const std::optional<at::Tensor>& grad_out,
                                   const std::optional<at::Tensor>& grad_memory,
                                   const std::optional<at::Tensor>& grad_norm, const at::Tensor& q, const at::Tensor& k,
                                   const at::Tensor& v, const at::Tensor& beta, const at::Tensor& cos,
                                   const at::Tensor& sin, int64_t segment_length, std::string_view update,
                                   const std::optional<at::Tensor>& starts, const std::optional<at::Tensor>& gain,
                                   const at::Tensor& local, const at::Tensor& logsumexp, const at::Tensor& memories,
                                   const at::Tensor& norms, const at::Tensor& transitions);

/// `kernel`, a function of AttentionArguments, with the parameters of the schema.
template <auto kernel>
auto collected(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& beta,
               const at::Tensor& memory, const at::Tensor& norm, const at::Tensor& cos, const at::Tensor& sin,
               int64_t segment_length, std::string_view update, const std::optional<at::Tensor>& starts,
               const std::optional<at::Tensor>& gain) {
  return kernel({q, k, v, beta, memory, norm, cos, sin, segment_length, std::string(update), starts, gain});
}

template <AttentionBackwardKernel* kernel>
AttentionBackward collected_backward(const std::optional<at::Tensor>& grad_out,
                                     const std::optional<at::Tensor>& grad_memory,
                                     const std::optional<at::Tensor>& grad_norm, const at::Tensor& q,
                                     const at::Tensor& k, const at::Tensor& v, const at::Tensor& beta,
                                     const at::Tensor& cos, const at::Tensor& sin, int64_t segment_length,
                                     std::string_view update, const std::optional<at::Tensor>& starts,
                                     const std::optional<at::Tensor>& gain, const at::Tensor& local,
                                     const at::Tensor& logsumexp, const at::Tensor& memories, const at::Tensor& norms,
                                     const at::Tensor& transitions) {
  return kernel({grad_out, grad_memory, grad_norm},
                {.q = q,
                 .k = k,
                 .v = v,
                 .beta = beta,
                 .cos = cos,
                 .sin = sin,
                 .segment_length = segment_length,
                 .update = std::string(update),
                 .starts = starts,
                 .gain = gain},
                {local, logsumexp, memories, norms, transitions});
}

/// Calls an op whose schema has attention's arguments.
template <OpName op, typename Result>
Result call(const AttentionArguments& x) {
  return dispatch<op, Function<Result>>(x.q, x.k, x.v, x.beta, x.memory, x.norm, x.cos, x.sin, x.segment_length,
                                        std::string_view(x.update), x.starts, x.gain);
}

inline AttentionBackward call_backward(const AttentionOutputGradients& gradients, const AttentionArguments& x,
                                       const AttentionSaved& saved) {
  return dispatch<"infini::_attention_backward", Backward>(
      gradients.out, gradients.memory, gradients.norm, x.q, x.k, x.v, x.beta, x.cos, x.sin, x.segment_length,
      std::string_view(x.update), x.starts, x.gain, saved.local, saved.logsumexp, saved.memories, saved.norms,
      saved.transitions);
}

}  // namespace attention_schema
}  // namespace infini::ops
