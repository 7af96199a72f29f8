#pragma once

#include <memory>
#include <optional>

#include "model/decoder.h"
#include "model/segmentwise_attention.h"

namespace infini {

/// Compressive Transformer (Rae et al. 2019): each layer keeps its inputs at the last `cache_length` tokens before the
/// segment, and, of older ones, `compressed_length` slots that hold `compression_rate` tokens each.
///   slot_i = Σ_j W_j x_{c·i+j}                                   a convolution with stride c over what leaves the
///   cache attention to [compressed; cache; segment], causal; what is kept passes through the layer's own projections
/// A loss of its own teaches the convolution: without positions, attention to the slots must give what attention to the
/// tokens in them gives. No other gradient reaches it, and it reaches nothing else.
///   loss = Σ over the segment's tokens of ‖attend(q, x_left) − attend(q, slots)‖² / (H·D)
///
/// The state of each layer: `cache` [B, M, hidden_size] and `compressed` [B, C, hidden_size], and how many of them are
/// filled, `cached` and `filled` [B]. No gradient.
class CompressiveAttention : public SegmentwiseAttention {
 public:
  CompressiveAttention(const ModelConfig& config, int64_t layer, const torch::TensorOptions& options);

 protected:
  void add_empty_memory(ContextState& state, int64_t rows, const torch::TensorOptions& options) const override;
  torch::Tensor attend(const torch::Tensor& q, const KeysAndValues& segment, const ContextState& state,
                       const Pass& pass) const override;
  void write(const SegmentTokens& segment, ContextState& state, Pass& pass) const override;
  void forget(const torch::Tensor& rows, ContextState& state) const override;

 private:
  /// [B, n, hidden_size] → [B, ceil(n / compression_rate), hidden_size]. Where n is no multiple, as with tokens that
  /// pass by a block, zeros stand before the oldest.
  torch::Tensor compress(const torch::Tensor& x) const;
  /// How many slots hold `tokens` [B] tokens.
  torch::Tensor slots_of(const torch::Tensor& tokens) const { return (tokens + rate_ - 1).floor_divide(rate_); }
  /// The loss of what `slots` have made of `leaving` [B, n, hidden_size], whose last `valid` [B] tokens count.
  torch::Tensor reconstruction_loss(const torch::Tensor& segment, const torch::Tensor& leaving,
                                    const torch::Tensor& slots, const torch::Tensor& valid) const;

  int64_t cache_length_, compressed_length_, rate_;
  torch::Tensor compression_;  // W [hidden_size, hidden_size, compression_rate]: [out, in, token]
};

/// The kind `compressive`.
std::shared_ptr<Decoder> make_compressive_decoder(const ModelConfig& config, const torch::TensorOptions& options);

/// Slots must hold whole groups of tokens: the rate must divide the segment and the cache.
std::optional<ConfigFault> compressive_fault(const ModelConfig& config);

}  // namespace infini
