#pragma once

#include <memory>

#include "model/decoder.h"
#include "model/segmentwise_attention.h"

namespace infini {

/// Transformer-XL (Dai et al. 2019): each layer keeps the keys and values of the last `cache_length` tokens before the
/// segment, and attends to them as well.
///   K = [K_cache; K_segment],  V = [V_cache; V_segment],  A = softmax(Q Kᵀ / √D) V, causal
///   cache ← the last M of [cache; segment], without a gradient
/// The paper's sinusoids with u and v are replaced by rotary positions over cache and segment, as in all models here.
///
/// The state of each layer: keys and values [B, G, M, D], and the number of tokens in them, `cached` [B]. No gradient.
class TransformerXlAttention : public SegmentwiseAttention {
 public:
  TransformerXlAttention(const ModelConfig& config, int64_t layer, const torch::TensorOptions& options);

 protected:
  void add_empty_memory(ContextState& state, int64_t rows, const torch::TensorOptions& options) const override;
  torch::Tensor attend(const torch::Tensor& q, const KeysAndValues& segment, const ContextState& state,
                       const Pass& pass) const override;
  void write(const SegmentTokens& segment, ContextState& state, Pass& pass) const override;
  void forget(const torch::Tensor& rows, ContextState& state) const override;

 private:
  int64_t cache_length_;
};

/// The kind `transformer_xl`.
std::shared_ptr<Decoder> make_transformer_xl_decoder(const ModelConfig& config, const torch::TensorOptions& options);

}  // namespace infini
