#pragma once

#include <torch/torch.h>

#include <vector>

#include "model/attention_observer.h"
#include "model/config.h"
#include "model/reading.h"

namespace infini {

/// Measures during a pass what the compressive memories hold, and how much of each head's output comes from them.
/// Records no graph, and never waits for the device.
///
/// A row whose memory is empty has no part in a mean over memories. A memory is written by full segments only; all
/// readings of writing concern them. M, z: the memory after the pass.
class MemoryDiagnostics : public AttentionObserver {
 public:
  MemoryDiagnostics(const ModelConfig& config, torch::Device device);

  void observe(int64_t layer, const ops::AttentionArguments& attention) override;
  void observe_routing(int64_t layer, const torch::Tensor& right) override;

  /// What was observed, in float32. Empty if no layer has shown anything: one of another kind of memory does not.
  ///
  /// Of every query head:
  ///  - gates: sigmoid(β)
  ///  - memory_share: ‖g A_mem‖ / (‖g A_mem‖ + ‖(1 − g) A_dot‖), mean over all tokens. A token that reads an empty
  ///    memory counts as 0.
  ///  - retrieval_norm: ‖A_mem‖, mean over the tokens that read a memory which is not empty
  /// Of every KV head:
  ///  - effective_rank: of M, in the first row; see effective_rank()
  ///  - retrieval_error: Σ_t ‖(r_t − r̄) − (v_t − v̄)‖² / Σ_t ‖v_t − v̄‖², where r_t = σ(k_t) M / (σ(k_t) z), over the
  ///    tokens t of the last full segment, and r̄, v̄ are means over them; mean over rows. It asks the memory for what
  ///    was written last. What all keys have in common does not count: with alike keys the delta rule returns half of
  ///    the mean value. 0: every key gets its own value back. 1: all keys get the same, so what was written is drowned
  ///    by all that the memory also holds. Above 1: what comes back misleads.
  ///  - z: mean entry of z, mean over rows
  ///  - z_per_segment: what a full segment adds to that, mean over segments and rows
  /// Of every layer that lets only some tokens through:
  ///  - depth_accuracy: the share of tokens for which its predictor knew whether they go through
  std::vector<DeviceReading> readings() const;

 private:
  void observe_writing(int64_t layer, const ops::AttentionArguments& attention, const torch::Tensor& memory,
                       const torch::Tensor& norm);

  bool memory_seen_ = false, routing_seen_ = false;
  torch::Tensor gates_, memory_share_, retrieval_norm_;           // [layers, H]
  torch::Tensor retrieval_error_, norm_mean_, norm_per_segment_;  // [layers, G]
  torch::Tensor memories_;                                        // [layers, G, D, D], of the first row
  torch::Tensor right_, routed_;                                  // [layers, 1]: counts of tokens
};

}  // namespace infini
