#pragma once

#include <torch/torch.h>

#include <optional>
#include <vector>

#include "model/config.h"
#include "model/memory_state.h"
#include "model/rotary_embedding.h"
#include "model/segment_cache.h"

namespace infini {

class Decoder;     // embedding, blocks, final norm: model.* in checkpoint names
class Projection;  // lm_head
struct Segments;

struct ForwardResult {
  torch::Tensor hidden;  ///< [B, N, hidden_size], after the final norm
  MemoryState state;     ///< the memory after the last full segment
};

/// A causal language model in the Llama layout; its parameters carry Llama's names
/// (`model.layers.0.self_attn.q_proj.weight`, …) plus `model.layers.N.self_attn.memory_gate` [H], the β.
class CausalLanguageModel : public torch::nn::Module {
 public:
  /// Initialises from torch's random state: normal(0, initializer_range), norms 1, biases 0, β = initial_beta.
  explicit CausalLanguageModel(const ModelConfig& config, double initial_beta = 0.0);

  /// With parameters of these options (device, dtype) whose matrices have no values yet: for loading.
  static std::shared_ptr<CausalLanguageModel> uninitialized(const ModelConfig& config,
                                                            const torch::TensorOptions& options);

  /// tokens [B, N] (int64), starts [B, ceil(N/L)] (bool), gain [B, ceil(N/L)]. Computes in `compute_dtype`
  /// (parameters are cast where they are used; the statistics of norms, β and the memory stay in float32 or wider).
  /// Without segments (segment_length 0) the whole input is one, and starts and gain have no meaning.
  ForwardResult forward(const torch::Tensor& tokens, const MemoryState& state,
                        const std::optional<torch::Tensor>& starts = std::nullopt,
                        const std::optional<torch::Tensor>& gain = std::nullopt);

  /// The state alone that forward returns, for two thirds of its work in a model of three layers: the last layer only
  /// writes. What a text leaves that is read for the sake of what follows.
  MemoryState memorize(const torch::Tensor& tokens, const MemoryState& state);

  /// The sum over all targets that are not negative of their negative log-likelihood (nats), times their weight where
  /// weights are given; a scalar in float32 or wider; hidden [B, N, hidden_size], targets [B, N], weights [B, N].
  /// Never holds the logits of more than a few rows.
  torch::Tensor loss(const torch::Tensor& hidden, const torch::Tensor& targets,
                     const torch::Tensor& weights = {}) const;

  /// Negative log-likelihood of each target [B, N], 0 where the target is negative; without a graph.
  torch::Tensor token_losses(const torch::Tensor& hidden, const torch::Tensor& targets) const;

  torch::Tensor logits(const torch::Tensor& hidden) const;

  /// Reads tokens [B, n] that continue the open segment in `cache` (n may be any number: segments that fill are written
  /// into `state` and leave the cache) and returns hidden [B, n, hidden_size]. Without a graph. What generation uses.
  /// The activations of one call grow with n: give a long prompt in pieces of a few segments.
  torch::Tensor read(const torch::Tensor& tokens, MemoryState& state, SegmentCache& cache);

  const ModelConfig& config() const { return config_; }
  torch::Dtype compute_dtype() const { return compute_dtype_; }
  void set_compute_dtype(torch::Dtype dtype) { compute_dtype_ = dtype; }
  torch::Device device() const;
  MemoryState empty_state(int64_t rows) const;

  const Decoder& decoder() const { return *decoder_; }
  /// How `tokens` tokens fall into segments, with the position tables for them.
  Segments segments(int64_t tokens, const std::optional<torch::Tensor>& starts = std::nullopt,
                    const std::optional<torch::Tensor>& gain = std::nullopt);

 private:
  CausalLanguageModel(const ModelConfig& config, const torch::TensorOptions& options);

  /// Reads tokens [B, n] that do not go beyond the open segment.
  torch::Tensor continue_segment(const torch::Tensor& tokens, MemoryState& state, SegmentCache& cache);
  /// What maps hidden to logits, [vocab_size, hidden_size]: the embedding itself where it is tied.
  const torch::Tensor& head() const;

  ModelConfig config_;
  torch::Dtype compute_dtype_ = torch::kFloat32;
  RotaryEmbedding rotary_;
  std::shared_ptr<Decoder> decoder_;
  std::shared_ptr<Projection> lm_head_;  // null where the embedding is tied
};

}  // namespace infini
