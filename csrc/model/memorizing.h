#pragma once

#include <memory>
#include <optional>

#include "model/transformer_xl.h"

namespace infini {

/// Memorizing Transformer (Wu et al. 2022): Transformer-XL in every layer, and in one layer also a memory of the keys
/// and values of the last `slots` tokens before the segment. Each query takes its `neighbours` nearest of them.
///   scores = √D · q̂ · k̂         q̂ = q / ‖q‖, k̂ = k / ‖k‖, both without positions
///   A_mem  = softmax(the largest scores) · their values
///   A      = sigmoid(b) A_mem + (1 − sigmoid(b)) A_xl      one b a head; A_xl alone while the memory is empty
/// The search is exact. The memory has no gradient, and is emptied where a document begins.
///
/// The state of that layer, beside the cache: slot_keys (k̂) and slot_values [B, G, N, D], and `filled` [B].
class MemorizingAttention : public TransformerXlAttention {
 public:
  MemorizingAttention(const ModelConfig& config, int64_t layer, const torch::TensorOptions& options);

 protected:
  void add_empty_memory(ContextState& state, int64_t rows, const torch::TensorOptions& options) const override;
  torch::Tensor attend(const torch::Tensor& q, const KeysAndValues& segment, const ContextState& state,
                       const Pass& pass) const override;
  void write(const SegmentTokens& segment, ContextState& state, Pass& pass) const override;
  void forget(const torch::Tensor& rows, ContextState& state) const override;

 private:
  /// A_mem [B, H, n, D].
  torch::Tensor look_up(const torch::Tensor& q, const ContextState& state) const;

  int64_t slots_, neighbours_;
  torch::Tensor memory_gate_;  // b [H]
};

/// The kind `memorizing`.
std::shared_ptr<Decoder> make_memorizing_decoder(const ModelConfig& config, const torch::TensorOptions& options);

/// The layer must exist, and the neighbours must find room in the slots.
std::optional<ConfigFault> memorizing_fault(const ModelConfig& config);

}  // namespace infini
