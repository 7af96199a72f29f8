#pragma once

#include <ATen/core/Tensor.h>
#include <cuda_runtime_api.h>

#include <optional>
#include <string_view>
#include <tuple>

/// The internal ops `infini::_attention_forward` and `infini::_attention_backward` (their schemas are in attention.cpp
/// one folder up) by CUDA kernels on one stream, without a synchronisation. q is float, bfloat16 or half, the memory
/// float; D and E are 64 or 128.
namespace infini::ops::cuda {

using AttentionForward =
    std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor>;
using AttentionBackward = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor>;

/// What both take: see `infini::attention`.
struct AttentionInputs {
  const at::Tensor &q, &k, &v, &beta, &cos, &sin;
  int64_t segment_length;
  std::string_view update;
  const std::optional<at::Tensor>&starts, &gain;
};

/// → out, memory, norm, logsumexp, memories, norms, transitions, local.
AttentionForward attention_forward(const AttentionInputs& inputs, const at::Tensor& memory, const at::Tensor& norm,
                                   cudaStream_t stream);

/// What the forward pass kept; `local` is A_dot.
struct AttentionSaved {
  const at::Tensor &local, &logsumexp, &memories, &norms, &transitions;
};

/// → dq, dk, dv, dbeta, dmemory, dnorm.
AttentionBackward attention_backward(const std::optional<at::Tensor>& dout, const std::optional<at::Tensor>& dmemory,
                                     const std::optional<at::Tensor>& dnorm, const AttentionInputs& inputs,
                                     const AttentionSaved& saved, cudaStream_t stream);

}  // namespace infini::ops::cuda
