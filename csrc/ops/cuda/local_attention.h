#pragma once

#include <ATen/core/Tensor.h>

#include <tuple>

/// Causal softmax attention inside each segment, by ATen's fused kernels: FlashAttention for bfloat16 and half, the
/// memory-efficient one for float. Their backward pass adds in any order, unless torch's deterministic algorithms are
/// on
/// (`at::globalContext().setDeterministicAlgorithms(true, false)`). Tensors on the CPU are taken too, for tests without
/// a device.
namespace infini::ops::cuda {

/// q [B,H,N,D] and k [B,G,N,D], rotated, v [B,G,N,E] → A_dot [B,H,N,E] and the scores' logsumexp [B,H,N], float. Only
/// the last segment may be shorter than segment_length.
std::tuple<at::Tensor, at::Tensor> local_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                                   int64_t segment_length);

/// The gradients of q, k and v, with A_dot and logsumexp as `local_attention` returned them and dlocal [B,H,N,E].
std::tuple<at::Tensor, at::Tensor, at::Tensor> local_attention_backward(const at::Tensor& dlocal, const at::Tensor& q,
                                                                        const at::Tensor& k, const at::Tensor& v,
                                                                        const at::Tensor& local,
                                                                        const at::Tensor& logsumexp,
                                                                        int64_t segment_length);

}  // namespace infini::ops::cuda
