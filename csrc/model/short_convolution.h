#pragma once

#include <torch/torch.h>

#include <functional>
#include <string>

#include "model/config.h"
#include "model/context_state.h"
#include "model/pass.h"

namespace infini {

/// A causal convolution of each channel of projected tokens, over w of them: y_t = Σ_j weight[w−1−j] x_{t−j}. The key
/// of a token then knows the tokens before it, also those of the segment before, and so does what a memory without
/// positions keeps of it. Tokens before the beginning of a document count as zero.
///
/// The state: the last w − 1 inputs [B, w − 1, C] before the segment. A gradient passes through it. It is not of the
/// memory: a model whose memory is off has it too. A model without segments carries none.
class ShortConvolution : public torch::nn::Module {
 public:
  /// `state_prefix`, `name`: the state has "layers.3." + "k_conv1d".
  ShortConvolution(const ModelConfig& config, int64_t channels, const std::string& state_prefix,
                   const std::string& name, const torch::TensorOptions& options);

  /// x [B, N, C] → the same shape. Advances the state as LayerAttention::forward does.
  torch::Tensor forward(const torch::Tensor& x, ContextState& state, const Pass& pass) const;
  /// Only advances the state, past `tokens` tokens. Asks for x [B, count, C] of those alone that it keeps.
  void memorize(int64_t tokens, const std::function<torch::Tensor(int64_t begin, int64_t count)>& x,
                ContextState& state, const Pass& pass) const;

  void add_empty_state(ContextState& state, int64_t rows, const torch::TensorOptions& options) const;

 private:
  int64_t earlier() const { return weight_.size(2) - 1; }
  torch::Tensor continue_segment(const torch::Tensor& x, ContextState& state, const Pass& pass) const;
  /// The inputs before the segment, of which a model without segments has none.
  torch::Tensor inputs_before(const torch::Tensor& x, const ContextState& state) const;
  /// The last w − 1 inputs of [before; last].
  torch::Tensor last_inputs(const torch::Tensor& before, const torch::Tensor& last) const;
  /// With zeros where rows have begun a document, for inputs that end at `end`.
  torch::Tensor without_other_documents(const torch::Tensor& inputs, int64_t end, const Segments& segments) const;

  bool carries_;  ///< the model has segments
  std::string state_name_, open_name_;
  torch::Tensor weight_;  // [C, 1, w]
};

}  // namespace infini
