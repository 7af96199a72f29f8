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

  /// The same up to the last layer, which only writes its `memory` and `norm`: for text whose hidden states nobody
  /// reads.
  void memorize(const torch::Tensor& tokens, torch::Dtype compute_dtype, const AttendLayer& attend,
                torch::Tensor& memory, torch::Tensor& norm) const;

  /// [vocab_size, hidden_size]
  const torch::Tensor& embedding() const { return embed_tokens_->weight(); }

 private:
  /// The input of layer `end`.
  torch::Tensor layers_before(size_t end, const torch::Tensor& tokens, torch::Dtype compute_dtype,
                              const AttendLayer& attend) const;

  std::shared_ptr<TokenEmbedding> embed_tokens_;
  std::vector<std::shared_ptr<Block>> layers_;
  std::shared_ptr<RmsNorm> norm_;
};

}  // namespace infini
