#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>

#include "model/config.h"
#include "model/context_state.h"
#include "model/pass.h"
#include "model/rotary_embedding.h"

namespace infini {

class Decoder;     // embedding, blocks, final norm: model.* in checkpoint names
class Projection;  // lm_head

/// What a text says of its segments; undefined where it says nothing.
struct SegmentMarks {
  torch::Tensor starts = {};  ///< [B, ceil(N/L)] bool: that segment begins a new document, so its memory is empty
  torch::Tensor gain = {};    ///< [B, ceil(N/L)]: what that segment writes is multiplied by it
};

struct ForwardResult {
  torch::Tensor hidden = {};          ///< [B, N, hidden_size], after the final norm
  ContextState state = {};            ///< after the last full segment
  torch::Tensor auxiliary_loss = {};  ///< scalar, a sum over tokens; undefined where the kind of memory has none
};

/// Sets a parameter as a new model has it: normal(0, initializer_range), norms 1, biases 0, β = initial_beta.
void initialize_parameter(const std::string& name, torch::Tensor parameter, const ModelConfig& config,
                          double initial_beta);

/// A causal language model in the Llama layout; its parameters carry Llama's names
/// (`model.layers.0.self_attn.q_proj.weight`, …) plus `model.layers.N.self_attn.memory_gate` [H], the β.
class CausalLanguageModel : public torch::nn::Module {
 public:
  /// Initialises from torch's random state; see initialize_parameter.
  explicit CausalLanguageModel(const ModelConfig& config, double initial_beta = 0.0);

  /// With parameters of these options (device, dtype) whose matrices have no values yet: for loading.
  static std::shared_ptr<CausalLanguageModel> uninitialized(const ModelConfig& config,
                                                            const torch::TensorOptions& options);

  /// With a decoder of one's own, for a kind of memory that is in no table.
  CausalLanguageModel(const ModelConfig& config, std::shared_ptr<Decoder> decoder,
                      const torch::TensorOptions& options);

  /// What is carried before the first segment of `rows` texts.
  ContextState empty_state(int64_t rows) const;
  /// Whether later segments see anything of earlier ones. Without that, only the segment at hand has to be read.
  bool has_memory() const;

  /// Reads tokens [B, N] (int64) from the beginning of a segment on. Computes in `compute_dtype` (parameters are cast
  /// where they are used; the statistics of norms, β and the memory stay in float32 or wider). Without segments
  /// (segment_length 0) the whole input is one, and marks have no meaning.
  ForwardResult forward(const torch::Tensor& tokens, const ContextState& state, const SegmentMarks& marks = {},
                        AttentionObserver* observer = nullptr);

  /// Like forward, but returns only the state; the last layer just writes its memory.
  ContextState memorize(const torch::Tensor& tokens, const ContextState& state);

  /// Reads tokens [B, n], any number of them, that continue the open segment of `state`, and returns hidden
  /// [B, n, hidden_size]. Segments that fill are written into the state. Without a graph: this is what generation uses.
  /// The activations of one call grow with n, so give a long prompt in pieces of a few segments. The open segment is
  /// written in place: two copies of a state share it.
  torch::Tensor read(const torch::Tensor& tokens, ContextState& state);

  /// The sum over all targets that are not negative of their negative log-likelihood (nats), times their weight where
  /// weights are given; a scalar in float32 or wider; hidden [B, N, hidden_size], targets [B, N], weights [B, N].
  /// Never holds the logits of more than a few rows.
  torch::Tensor loss(const torch::Tensor& hidden, const torch::Tensor& targets,
                     const torch::Tensor& weights = {}) const;

  /// Negative log-likelihood of each target [B, N], 0 where the target is negative; without a graph.
  torch::Tensor token_losses(const torch::Tensor& hidden, const torch::Tensor& targets) const;

  torch::Tensor logits(const torch::Tensor& hidden) const;

  const ModelConfig& config() const { return config_; }
  torch::Dtype compute_dtype() const { return compute_dtype_; }
  void set_compute_dtype(torch::Dtype dtype) { compute_dtype_ = dtype; }
  torch::Device device() const;
  /// The embedding table, [vocab_size, hidden_size].
  const torch::Tensor& embedding() const;

 private:
  /// How `tokens` tokens fall into segments.
  Segments segments(int64_t tokens, const SegmentMarks& marks) const;
  /// Reads tokens [B, n] that do not go beyond the open segment.
  torch::Tensor continue_segment(const torch::Tensor& tokens, ContextState& state);
  /// What maps hidden to logits, [vocab_size, hidden_size]: the embedding itself where it is tied.
  const torch::Tensor& head() const;

  ModelConfig config_;
  torch::Dtype compute_dtype_ = torch::kFloat32;
  RotaryEmbedding rotary_;
  std::shared_ptr<Decoder> decoder_;
  std::shared_ptr<Projection> lm_head_;  // null where the embedding is tied
};

}  // namespace infini
