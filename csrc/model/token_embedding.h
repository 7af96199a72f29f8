#pragma once

#include <torch/torch.h>

#include "ops/ops.h"

namespace infini {

/// A table with one vector per token of the vocabulary.
class TokenEmbedding : public torch::nn::Module {
 public:
  TokenEmbedding(int64_t vocabulary, int64_t width, const torch::TensorOptions& options)
      : weight_(register_parameter("weight", torch::empty({vocabulary, width}, options))) {}

  torch::Tensor forward(const torch::Tensor& tokens, torch::Dtype dtype) const {
    return ops::embed_tokens(weight_, tokens, dtype);
  }

  const torch::Tensor& weight() const { return weight_; }

 private:
  torch::Tensor weight_;  // [V, D]
};

}  // namespace infini
