#pragma once

#include <torch/torch.h>

#include <optional>
#include <vector>

#include "model/config.h"
#include "model/memory_state.h"

namespace infini {

class Decoder;  // embedding, blocks, final norm: model.* in checkpoint names

/// The keys and values (without position embedding) of the segment that is not full yet, per layer [B, G, n, D].
struct SegmentCache {
  std::vector<torch::Tensor> k, v;
  int64_t length() const { return k.empty() ? 0 : k.front().size(2); }
};

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

  /// tokens [B, N] (int64), starts [B, ceil(N/L)] (bool), gain [B, ceil(N/L)]. Computes in `compute_dtype`
  /// (parameters are cast where they are used; norms, β and the memory stay in float32 or wider).
  ForwardResult forward(const torch::Tensor& tokens, const MemoryState& state,
                        const std::optional<torch::Tensor>& starts = std::nullopt,
                        const std::optional<torch::Tensor>& gain = std::nullopt);

  /// The sum over all targets that are not negative of their negative log-likelihood (nats), a scalar in float32 or
  /// wider; hidden [B, N, hidden_size], targets [B, N]. Never holds the logits of more than a few rows.
  torch::Tensor loss(const torch::Tensor& hidden, const torch::Tensor& targets) const;

  /// Negative log-likelihood of each target [B, N], 0 where the target is negative; without a graph.
  torch::Tensor token_losses(const torch::Tensor& hidden, const torch::Tensor& targets) const;

  torch::Tensor logits(const torch::Tensor& hidden) const;

  /// Reads tokens [B, n] that continue the open segment in `cache` (n may be any number: segments that fill are written
  /// into `state` and leave the cache) and returns hidden [B, n, hidden_size]. Without a graph. What generation uses.
  torch::Tensor read(const torch::Tensor& tokens, MemoryState& state, SegmentCache& cache);

  const ModelConfig& config() const { return config_; }
  torch::Dtype compute_dtype() const { return compute_dtype_; }
  void set_compute_dtype(torch::Dtype dtype) { compute_dtype_ = dtype; }
  torch::Device device() const;
  MemoryState empty_state(int64_t rows) const;

 private:
  ModelConfig config_;
  torch::Dtype compute_dtype_ = torch::kFloat32;
  std::shared_ptr<Decoder> decoder_;
  torch::nn::Linear lm_head_{nullptr};  ///< empty where the embedding is tied
};

}  // namespace infini
