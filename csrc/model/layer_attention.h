#pragma once

#include <torch/torch.h>

#include <string>

#include "model/config.h"
#include "model/context_state.h"
#include "model/pass.h"
#include "model/projection.h"
#include "model/rms_norm.h"
#include "model/short_convolution.h"

namespace infini {

/// Keys and values [B, G, N, D], without position embedding.
struct KeysAndValues {
  torch::Tensor k, v;
};

/// Queries [B, H, N, D], keys and values [B, G, N, D], all without position embedding.
struct QueriesKeysValues {
  torch::Tensor q, k, v;
};

/// The attention of one layer, including its memory of earlier segments: `self_attn.*` in checkpoint names. This base
/// class has the projections and the local attention inside a segment. Each kind of context memory derives from it.
class LayerAttention : public torch::nn::Module {
 public:
  LayerAttention(const ModelConfig& config, int64_t layer, const torch::TensorOptions& options);

  /// x [B, N, hidden_size] → the same shape. Advances the layer's tensors in `state` to the end of the last full
  /// segment, or to the last token if `pass.mode` is open_segment.
  virtual torch::Tensor forward(const torch::Tensor& x, ContextState& state, Pass& pass) const = 0;

  /// Writes the full segments of x [B, N, hidden_size] into `state` as forward does, and reads nothing. An attention
  /// without memory overrides neither this function nor add_empty_memory.
  virtual void memorize(const torch::Tensor& x, ContextState& state, Pass& pass) const;

  /// Adds the layer's tensors with their values before the first segment. `options`: the device, and the dtype of the
  /// tensors that must be exact.
  void add_empty_state(ContextState& state, int64_t rows, const torch::TensorOptions& options) const;

  /// How the names of the layer's tensors in a state begin: "layers.3.".
  const std::string& state_prefix() const { return state_prefix_; }

 protected:
  /// The tensors of the memory alone.
  virtual void add_empty_memory(ContextState& /*state*/, int64_t /*rows*/,
                                const torch::TensorOptions& /*options*/) const {}

  /// Projects the tokens of the pass. A short convolution, if the model has one, advances its state.
  QueriesKeysValues project(const torch::Tensor& x, ContextState& state, const Pass& pass) const;
  /// The same for a pass that only writes.
  KeysAndValues project_keys_and_values(const torch::Tensor& x, ContextState& state, const Pass& pass) const;
  /// The same for inputs that a layer has kept of earlier tokens, in a kind of memory without short convolution.
  torch::Tensor project_kept_queries(const torch::Tensor& x) const;
  KeysAndValues project_kept(const torch::Tensor& x, Weights weights = Weights::trained) const;
  /// The output of attention [B, H, N, D] → [B, N, hidden_size].
  torch::Tensor output(const torch::Tensor& attended) const;

  /// The tables of positions 0 … count − 1 for x.
  static RotaryEmbedding::Tables positions(int64_t count, const torch::Tensor& x, const Pass& pass) {
    return pass.rotary->tables(count, x.device(), x.scalar_type());
  }

  /// Adds the pass's tokens to the open segment, and attends inside it: → [B, H, N, D].
  torch::Tensor attend_open_segment(const QueriesKeysValues& tokens, ContextState& state, const Pass& pass) const;
  /// Appends `fresh` [B, G, n, D] to the tensor `name` of the open segment, and returns the whole tensor, [B, G, m, D].
  /// Room for a whole segment is allocated at its start, so each token copies only itself.
  torch::Tensor extend_open_segment(const char* tensor, const torch::Tensor& fresh, ContextState& state,
                                    const Pass& pass) const;

  /// Attention of q [B, H, n, D], already rotated like k, to k and v [B, G, m, D], where `visible` [B or 1, 1, n, m]
  /// (bool) is true: → [B, H, n, D].
  static torch::Tensor attend_where(const torch::Tensor& visible, const torch::Tensor& q, const torch::Tensor& k,
                                    const torch::Tensor& v);

  int64_t layer() const { return layer_; }
  int64_t heads() const { return heads_; }
  int64_t key_value_heads() const { return key_value_heads_; }
  int64_t head_dim() const { return head_dim_; }
  /// The name of one of the layer's tensors in a state: "layers.3.memory".
  std::string state_name(const char* tensor) const { return state_prefix_ + tensor; }

 private:
  /// [B, N, heads · D], projected → [B, heads, N, D], with the norm, if there is one.
  torch::Tensor heads_of(const torch::Tensor& projected, const std::shared_ptr<RmsNorm>& norm,
                         Weights weights = Weights::trained) const;
  /// x [B, N, hidden_size] → [B, N, heads · D].
  static torch::Tensor convolved(const Projection& projection, const std::shared_ptr<ShortConvolution>& convolution,
                                 const torch::Tensor& x, ContextState& state, const Pass& pass);
  /// Only advances the state of the convolution past the tokens x.
  static void memorize_inputs(const Projection& projection, const std::shared_ptr<ShortConvolution>& convolution,
                              const torch::Tensor& x, ContextState& state, const Pass& pass);

  int64_t layer_, heads_, key_value_heads_, head_dim_;
  std::string state_prefix_;
  std::shared_ptr<Projection> q_proj_, k_proj_, v_proj_, o_proj_;
  std::shared_ptr<ShortConvolution> q_conv1d_, k_conv1d_, v_conv1d_;  // null without short convolution
  std::shared_ptr<RmsNorm> q_norm_, k_norm_;                          // null without q/k norm
};

}  // namespace infini
