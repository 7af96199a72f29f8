#pragma once

#include <memory>
#include <string>

#include "model/decoder.h"
#include "model/layer_attention.h"

namespace infini {

/// Infini-attention: causal attention inside a segment, plus a compressive memory of all earlier segments.
///   A_mem = σ(Q) M / (σ(Q) z)                              read before the segment is written
///   A     = sigmoid(β) A_mem + (1 − sigmoid(β)) A_dot      one β per head; A_dot alone while the memory is empty
///   M    += σ(K)ᵀ V,   z += Σ σ(K)                         `delta`: V minus what the memory already returns for K
/// The state of each layer: memory [B, G, D, D] (M) and norm [B, G, D] (z), in float32 or float64.
class InfiniAttention : public LayerAttention {
 public:
  InfiniAttention(const ModelConfig& config, int64_t layer, const torch::TensorOptions& options);

  torch::Tensor forward(const torch::Tensor& x, ContextState& state, Pass& pass) const override;
  void memorize(const torch::Tensor& x, ContextState& state, Pass& pass) const override;

 protected:
  void add_empty_memory(ContextState& state, int64_t rows, const torch::TensorOptions& options) const override;

 private:
  /// Reads the next tokens of the open segment. When the segment is full, it is written into the memory.
  torch::Tensor continue_segment(const QueriesKeysValues& tokens, ContextState& state, const Pass& pass) const;

  std::string update_;
  torch::Tensor memory_gate_;  // β [H]
};

/// The kind `infini`: layers of Infini-attention, or of local attention only if the update is "none".
std::shared_ptr<Decoder> make_infini_decoder(const ModelConfig& config, const torch::TensorOptions& options);

}  // namespace infini
