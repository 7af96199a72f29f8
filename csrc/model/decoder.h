#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>
#include <vector>

#include "model/block.h"
#include "model/config.h"
#include "model/token_embedding.h"

namespace infini {

/// The transformer without its head: embedding, blocks, final norm. A kind of context memory that puts tokens of its
/// own before or behind a segment derives from it and overrides `run_blocks` and `empty_state`.
class Decoder : public torch::nn::Module {
 public:
  using MakeAttention = std::function<std::shared_ptr<LayerAttention>(int64_t layer)>;

  Decoder(const ModelConfig& config, const torch::TensorOptions& options, const MakeAttention& make_attention);

  /// tokens [B, N] → [B, N, hidden_size] in `compute_dtype`; undefined where `pass.mode` is memorize.
  torch::Tensor forward(const torch::Tensor& tokens, torch::Dtype compute_dtype, ContextState& state, Pass& pass) const;

  /// The state before the first segment. `options`: the device, and the dtype of the tensors that must be exact.
  virtual ContextState empty_state(int64_t rows, const torch::TensorOptions& options) const;

  /// [vocab_size, hidden_size]
  const torch::Tensor& embedding() const { return embed_tokens_->weight(); }

 protected:
  /// Embedded tokens x [B, N, hidden_size] through all blocks, segment by segment or, as here, all at once.
  virtual torch::Tensor run_blocks(const torch::Tensor& x, ContextState& state, Pass& pass) const;
  /// One segment and the vectors around it, x [B, before + n + after, hidden_size], through all blocks as a single
  /// segment.
  torch::Tensor run_segment(const torch::Tensor& x, const Surroundings& around, ContextState& state, Pass& pass) const;
  /// Likewise in the open segment: x goes on at `place`, counted from the first vector around the segment.
  torch::Tensor continue_from(int64_t place, const torch::Tensor& x, const Surroundings& around, ContextState& state,
                              const Pass& pass) const;
  torch::Tensor final_norm(const torch::Tensor& x) const { return final_norm_->forward(x); }

 private:
  std::shared_ptr<TokenEmbedding> embed_tokens_;
  std::vector<std::shared_ptr<Block>> layers_;
  std::shared_ptr<RmsNorm> final_norm_;
};

}  // namespace infini
