#pragma once

#include <torch/torch.h>

#include <vector>

#include "model/attention_observer.h"
#include "model/config.h"

namespace infini {

/// Measures the share of the evidence in what a later query reads from the memory. For this it follows what the
/// evidence's tokens add to the norm z of each layer's memory. Before each pass the caller says what to observe.
class EvidenceShare : public AttentionObserver {
 public:
  EvidenceShare(const ModelConfig& config, int64_t rows, torch::Device device);

  /// In the next passes: adds up σ(k) of the tokens where `evidence` [B, n] is true.
  void follow_written(const torch::Tensor& evidence);
  /// In the next passes: measures the share for the queries at `places` [B, K] among the n tokens, −1 for none. The
  /// queries read the memory before the pass.
  void follow_read(const torch::Tensor& places);

  void observe(int64_t layer, const ops::AttentionArguments& attention) override;

  /// Whether any layer has shown its attention: one of another kind of memory does not.
  bool seen() const { return seen_; }
  /// Σ over rows of the mean over places, [layers, H], float64 on the CPU.
  const torch::Tensor& sum() const { return sum_; }

 private:
  torch::Tensor evidence_, places_;           ///< only one of them is defined
  std::vector<torch::Tensor> evidence_norm_;  ///< of each layer, [B, G, D]
  torch::Tensor sum_;
  bool seen_ = false;
};

}  // namespace infini
