#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>
#include <vector>

#include "model/block.h"
#include "model/config.h"
#include "model/token_embedding.h"

namespace infini {

/// The transformer without its head: embedding, blocks, final norm.
class Decoder : public torch::nn::Module {
 public:
  /// How this pass runs the attention of one layer; see Block::Attend.
  using AttendLayer =
      std::function<torch::Tensor(size_t layer, const InfiniAttention& attention, const torch::Tensor& x)>;

  Decoder(const ModelConfig& config, const torch::TensorOptions& options);

  /// tokens [B, N] → [B, N, hidden_size] in `compute_dtype`.
  torch::Tensor forward(const torch::Tensor& tokens, torch::Dtype compute_dtype, const AttendLayer& attend) const;

  /// [vocab_size, hidden_size]
  const torch::Tensor& embedding() const { return embed_tokens_->weight(); }

 private:
  std::shared_ptr<TokenEmbedding> embed_tokens_;
  std::vector<std::shared_ptr<Block>> layers_;
  std::shared_ptr<RmsNorm> norm_;
};

}  // namespace infini
