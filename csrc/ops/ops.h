#pragma once

#include <torch/torch.h>

#include <optional>
#include <string_view>
#include <tuple>

#include "ops/attention_arguments.h"

/// The public ops, as C++ calls them. All are differentiable once; a second derivative is refused. Each goes through
/// the dispatcher, so the same kernels serve `torch.ops.infini.*` in Python. Shapes: B batch, H query heads, G
/// key/value heads (H a multiple of G), N tokens, D key width, E value width, S = ceil(N / segment_length).
namespace infini::ops {

/// σ(q) M / (σ(q) z): q [B,H,N,D], memory [B,G,D,E], norm [B,G,D] → [B,H,N,E]. An empty memory gives 0.
torch::Tensor memory_retrieve(const torch::Tensor& q, const torch::Tensor& memory, const torch::Tensor& norm);

/// One segment k [B,G,N,D], v [B,G,N,E] into the memory; `update` is "linear" or "delta". Returns (memory, norm).
std::tuple<torch::Tensor, torch::Tensor> memory_update(const torch::Tensor& k, const torch::Tensor& v,
                                                       const torch::Tensor& memory, const torch::Tensor& norm,
                                                       std::string_view update);

/// sigmoid(β) retrieved + (1 − sigmoid(β)) local, [B,H,N,E]; where the memory is empty (norm all zero), `local` alone.
torch::Tensor memory_combine(const torch::Tensor& local, const torch::Tensor& retrieved, const torch::Tensor& beta,
                             const torch::Tensor& norm);

/// Many segments as one affine map M_out = transition · M_in + memory. Returns (transition, memory, norm).
std::tuple<torch::Tensor, torch::Tensor, torch::Tensor> memory_summary(
    const torch::Tensor& k, const torch::Tensor& v, const torch::Tensor& norm, int64_t segment_length,
    std::string_view update, const std::optional<torch::Tensor>& starts = std::nullopt);

/// The whole of Infini-attention over N tokens, any number of segments. Returns (out [B,H,N,E], memory, norm).
std::tuple<torch::Tensor, torch::Tensor, torch::Tensor> attention(const AttentionArguments& arguments);

/// Rotary position embedding in the rotate-half layout: x [...,N,D], cos and sin [N,D] → like x. Differentiable in x.
torch::Tensor rotate(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin);

/// x / sqrt(mean(x²) + eps) · weight over the last dimension: x [..., D], weight [D] → like x. Statistics in float32,
/// or in float64 where x is; each gradient has its input's dtype.
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps);

/// silu(gate) · up, elementwise, with silu(x) = x · sigmoid(x).
torch::Tensor swiglu(const torch::Tensor& gate, const torch::Tensor& up);

/// A causal convolution of each channel by itself with w taps, of which the last multiplies the token itself: x
/// [B,N,C], before [B,w−1,C], the tokens before x, weight [C,1,w] → like x. A segment that `starts` [B,S] marks begins
/// a document: the tokens before it count as zero.
torch::Tensor short_convolution(const torch::Tensor& x, const torch::Tensor& before, const torch::Tensor& weight,
                                int64_t segment_length, const std::optional<torch::Tensor>& starts = std::nullopt);

/// x Wᵀ + b for x [..., in], weight [out, in] and bias [out] or none, all of one dtype.
torch::Tensor affine_map(const torch::Tensor& x, const torch::Tensor& weight,
                         const std::optional<torch::Tensor>& bias = std::nullopt);

/// The rows of weight [V, D] that tokens [...] (int64) name, as [..., D] in `dtype`. The gradient is summed in weight's
/// dtype.
torch::Tensor embed_tokens(const torch::Tensor& weight, const torch::Tensor& tokens, torch::Dtype dtype);

/// Σ over rows with target ≥ 0 of −w log softmax(hidden Wᵀ)[target], a scalar in float32 (float64 where hidden is).
/// hidden [R, D], weight [V, D], targets [R] (int64), w: row_weights [R], constant, 1 without. Never more than a block
/// of rows of logits exists. Without anything that requires a gradient only the loss is computed.
torch::Tensor linear_cross_entropy(const torch::Tensor& hidden, const torch::Tensor& weight,
                                   const torch::Tensor& targets,
                                   const std::optional<torch::Tensor>& row_weights = std::nullopt);

/// −log softmax(hidden Wᵀ)[target] of every row, [R] in float32 (float64 where hidden is), 0 where the target is
/// negative. Shapes as above; without a graph.
torch::Tensor linear_token_losses(const torch::Tensor& hidden, const torch::Tensor& weight,
                                  const torch::Tensor& targets);

}  // namespace infini::ops
