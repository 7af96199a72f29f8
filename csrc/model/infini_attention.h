#pragma once

#include <torch/torch.h>

#include <optional>
#include <string>

#include "model/config.h"
#include "model/projection.h"
#include "model/rms_norm.h"
#include "model/rotary_embedding.h"
#include "model/segment_cache.h"

namespace infini {

/// How the N tokens of one call fall into segments.
struct Segments {
  int64_t length;                             ///< L: N itself for plain causal attention
  RotaryEmbedding::Tables rotary;             ///< positions 0 … L − 1
  std::optional<torch::Tensor> starts, gain;  ///< [B, ceil(N/L)]
};

/// Keys and values [B, G, N, D], without position embedding.
struct KeysAndValues {
  torch::Tensor k, v;
};

/// Queries [B, H, N, D], keys and values [B, G, N, D], all without position embedding.
struct Heads {
  torch::Tensor q, k, v;
};

/// Infini-attention: causal attention inside a segment, and a compressive memory of all segments before it.
///   A_mem = σ(Q) M / (σ(Q) z)                              read before the segment is written
///   A     = sigmoid(β) A_mem + (1 − sigmoid(β)) A_dot      one β a head; A_dot alone while the memory is empty
///   M    += σ(K)ᵀ V,   z += Σ σ(K)                         `delta`: V less what the memory returns for K already
/// Every layer has a memory of its own: memory [B, G, D, D], norm [B, G, D].
class InfiniAttention : public torch::nn::Module {
 public:
  InfiniAttention(const ModelConfig& config, const torch::TensorOptions& options);

  /// x [B, N, hidden_size] → the same shape; `memory` and `norm` become those after the last full segment.
  torch::Tensor forward(const torch::Tensor& x, torch::Tensor& memory, torch::Tensor& norm,
                        const Segments& segments) const;

  /// Writes the full segments of x [B, N, hidden_size] into the memory as forward does, and reads nothing.
  void memorize(const torch::Tensor& x, torch::Tensor& memory, torch::Tensor& norm) const;

  /// x [B, n, hidden_size] continues `open`, by at most what its segment still holds. A segment that fills is written
  /// into the memory and leaves `open`. `rotary` holds the positions up to the last of x. Without a graph.
  torch::Tensor continue_segment(const torch::Tensor& x, torch::Tensor& memory, torch::Tensor& norm, OpenSegment& open,
                                 const RotaryEmbedding::Tables& rotary) const;

  Heads project(const torch::Tensor& x) const;
  /// Attention's output [B, H, N, D] → [B, N, hidden_size].
  torch::Tensor output(const torch::Tensor& attended) const;

  /// β [H]; undefined where there is no memory.
  const torch::Tensor& memory_gate() const { return memory_gate_; }

 private:
  KeysAndValues project_keys_and_values(const torch::Tensor& x) const;

  int64_t heads_, key_value_heads_, head_dim_, segment_length_;
  std::string update_;
  std::shared_ptr<Projection> q_proj_, k_proj_, v_proj_, o_proj_;
  std::shared_ptr<RmsNorm> q_norm_, k_norm_;  // null without q/k norm
  torch::Tensor memory_gate_;
};

}  // namespace infini
