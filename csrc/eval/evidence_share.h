#pragma once

#include <torch/torch.h>

#include <vector>

#include "model/attention_observer.h"
#include "model/config.h"

namespace infini {

/// Follows what the evidence's tokens leave in the norm z of every layer's memory, and how much of a later query's
/// reading is theirs. Looks on while the model reads; before each pass it is told what to look at.
class EvidenceShare : public AttentionObserver {
 public:
  EvidenceShare(const ModelConfig& config, int64_t rows, torch::Device device);

  /// In the next passes, adds Σ σ(k) of the tokens where `evidence` [B, n] is true.
  void follow_written(const torch::Tensor& evidence);
  /// In the next passes, reads the share for the queries at `places` [B, K] of the n tokens, −1 for none, from the
  /// memory before the pass.
  void follow_read(const torch::Tensor& places);

  void observe(int64_t layer, const ops::AttentionArguments& attention) override;

  /// Whether any layer has shown its attention: one of another kind of memory does not.
  bool seen() const { return seen_; }
  /// Σ over rows of the mean over places, [layers, H], float64 on the CPU.
  const torch::Tensor& sum() const { return sum_; }

 private:
  torch::Tensor evidence_, places_;           ///< one of them is defined
  std::vector<torch::Tensor> evidence_norm_;  ///< of each layer, [B, G, D]
  torch::Tensor sum_;
  bool seen_ = false;
};

}  // namespace infini
