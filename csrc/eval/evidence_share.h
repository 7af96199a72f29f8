#pragma once

#include <torch/torch.h>

#include <vector>

#include "model/causal_language_model.h"

namespace infini {

/// Follows what the evidence's tokens leave in the norm z of every layer's memory, and how much of a later query's
/// reading is theirs.
class EvidenceShare {
 public:
  explicit EvidenceShare(const CausalLanguageModel& model, int64_t rows);

  /// The model's forward pass over tokens [B, n], which adds Σ σ(k) of those where `evidence` [B, n] is true.
  ForwardResult write(CausalLanguageModel& model, const torch::Tensor& tokens, const MemoryState& state,
                      const torch::Tensor& evidence);
  /// The model's forward pass, which reads the share for the queries at `places` [B, K] of the n tokens, −1 for none,
  /// from the memory before the pass.
  ForwardResult read(CausalLanguageModel& model, const torch::Tensor& tokens, const MemoryState& state,
                     const torch::Tensor& places);

  /// Σ over rows of the mean over places, [layers, H], float64 on the CPU.
  const torch::Tensor& sum() const { return sum_; }

 private:
  std::vector<torch::Tensor> evidence_norm_;  ///< of each layer, [B, G, D]
  torch::Tensor sum_;
};

}  // namespace infini
