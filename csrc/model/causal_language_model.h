#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/context_state.h"
#include "model/pass.h"
#include "model/rotary_embedding.h"

namespace infini {

class Decoder;     // embedding, blocks, final norm: model.* in checkpoint names
class Projection;  // lm_head

/// Marks on the segments of a text. An undefined tensor marks nothing.
struct SegmentMarks {
  torch::Tensor starts = {};  ///< [B, ceil(N/L)] bool: the segment begins a new document, so nothing is before it
  torch::Tensor gain = {};    ///< [B, ceil(N/L)]: factor on what the segment writes
  /// The length of each segment, for a kind of memory that lets them vary; empty: all have the model's.
  std::vector<int64_t> lengths = {};
  bool memory = true;  ///< false: every segment begins with an empty memory. A short convolution goes on.
};

struct ForwardResult {
  torch::Tensor hidden = {};          ///< [B, N, hidden_size], after the final norm
  ContextState state = {};            ///< after the last full segment
  torch::Tensor auxiliary_loss = {};  ///< scalar, a sum over tokens; undefined if the kind of memory has none
};

/// Sets a parameter as a new model has it: normal(0, initializer_range), norms 1, biases 0, β = initial_beta,
/// short convolutions near the identity.
void initialize_parameter(const std::string& name, torch::Tensor parameter, const ModelConfig& config,
                          double initial_beta);

/// A causal language model in the Llama layout; its parameters carry Llama's names
/// (`model.layers.0.self_attn.q_proj.weight`, …) plus `model.layers.N.self_attn.memory_gate` [H], the β.
class CausalLanguageModel : public torch::nn::Module {
 public:
  /// Initialises from torch's random state; see initialize_parameter.
  explicit CausalLanguageModel(const ModelConfig& config, double initial_beta = 0.0);

  /// For loading: the parameters have this device and dtype, and the matrices have no values yet.
  static std::shared_ptr<CausalLanguageModel> uninitialized(const ModelConfig& config,
                                                            const torch::TensorOptions& options);

  /// With a decoder of one's own, for a kind of memory that is in no table.
  CausalLanguageModel(const ModelConfig& config, std::shared_ptr<Decoder> decoder, const torch::TensorOptions& options);

  /// What is carried before the first segment of `rows` texts.
  ContextState empty_state(int64_t rows) const;
  /// Whether there is a memory of earlier segments.
  bool has_memory() const;
  /// Whether segments depend on earlier ones, with the memory or with it off. If not, only the current segment has to
  /// be read. A short convolution sees a few tokens across a border, and through all layers that becomes whole
  /// segments.
  bool depends_on_earlier_segments(bool memory = true) const;

  /// Reads tokens [B, N] (int64); the first one begins a segment. Computes in `compute_dtype`: parameters are cast
  /// where they are used, but the statistics of norms, β and the memory stay in float32 or wider. If segment_length is
  /// 0, the whole input is one segment and marks have no meaning.
  ForwardResult forward(const torch::Tensor& tokens, const ContextState& state, const SegmentMarks& marks = {},
                        AttentionObserver* observer = nullptr);

  /// Like forward, but returns only the state; the last layer just writes its memory.
  ContextState memorize(const torch::Tensor& tokens, const ContextState& state);

  /// For generation: reads tokens [B, n] that continue the open segment of `state`, and returns hidden
  /// [B, n, hidden_size]. n is any number. A segment that becomes full is written into the state. No graph is recorded.
  /// The activations of one call grow with n, so pass a long prompt in pieces of a few segments. The open segment is
  /// changed in place, and copies of a state share it.
  torch::Tensor read(const torch::Tensor& tokens, ContextState& state);

  /// The sum of weight · negative log-likelihood (nats) over all targets that are not negative. Without weights each
  /// weight is 1. hidden [B, N, hidden_size], targets [B, N], weights [B, N] → a scalar in float32 or wider. Never
  /// holds the logits of more than a few rows.
  torch::Tensor loss(const torch::Tensor& hidden, const torch::Tensor& targets,
                     const torch::Tensor& weights = {}) const;

  /// The negative log-likelihood of each target [B, N], or 0 if the target is negative. No graph is recorded.
  torch::Tensor token_losses(const torch::Tensor& hidden, const torch::Tensor& targets) const;

  torch::Tensor logits(const torch::Tensor& hidden) const;

  const ModelConfig& config() const { return config_; }
  torch::Dtype compute_dtype() const { return compute_dtype_; }
  void set_compute_dtype(torch::Dtype dtype) { compute_dtype_ = dtype; }
  torch::Device device() const;
  /// The embedding table, [vocab_size, hidden_size].
  const torch::Tensor& embedding() const;

 private:
  /// How tokens [B, N] fall into segments.
  Segments segments(const torch::Tensor& tokens, const SegmentMarks& marks) const;
  /// Reads tokens [B, n] that do not go beyond the open segment.
  torch::Tensor continue_segment(const torch::Tensor& tokens, ContextState& state);
  /// The matrix from hidden to logits, [vocab_size, hidden_size]: the embedding itself if it is tied.
  const torch::Tensor& head() const;

  ModelConfig config_;
  torch::Dtype compute_dtype_ = torch::kFloat32;
  RotaryEmbedding rotary_;
  std::shared_ptr<Decoder> decoder_;
  std::shared_ptr<Projection> lm_head_;  // null if the embedding is tied
};

}  // namespace infini
