#pragma once

#include <memory>

#include "model/decoder.h"

namespace infini {

/// Recurrent Memory Transformer (Bulatov et al. 2022): `memory_tokens` vectors of the model's width are handed from
/// segment to segment, and nothing else. They stand before the segment to be read, and behind it to be written.
///   [_, Y, W] = blocks([M; X; M]),  causal;  the output is Y;  M ← norm(W)
/// The gradient flows back through M over all segments. The first segment of a document has a learnt M, the parameter
/// `model.memory_tokens` [p, hidden_size]. norm is the model's final norm, as in the authors' code.
///
/// The state: memory [B, p, hidden_size], and `begun` [B]: whether the row has written it.
class RecurrentMemoryDecoder : public Decoder {
 public:
  RecurrentMemoryDecoder(const ModelConfig& config, const torch::TensorOptions& options);

  ContextState empty_state(int64_t rows, const torch::TensorOptions& options) const override;

 protected:
  torch::Tensor run_blocks(const torch::Tensor& x, ContextState& state, Pass& pass) const override;

 private:
  /// [B, p, hidden_size], in the dtype of the activations.
  torch::Tensor memory_to_read(const ContextState& state, torch::Dtype dtype) const;
  static void write(const torch::Tensor& memory, ContextState& state);
  torch::Tensor continue_segment(const torch::Tensor& x, ContextState& state, const Pass& pass) const;

  torch::Tensor memory_tokens_;  // [p, hidden_size]
};

/// The kind `rmt`.
std::shared_ptr<Decoder> make_recurrent_memory_decoder(const ModelConfig& config, const torch::TensorOptions& options);

}  // namespace infini
