#pragma once

#include <torch/torch.h>

#include "model/weights.h"
#include "ops/ops.h"

namespace infini {

/// x / sqrt(mean(x²) + eps) · weight over the last dimension.
class RmsNorm : public torch::nn::Module {
 public:
  RmsNorm(int64_t width, double eps, const torch::TensorOptions& options)
      : weight_(register_parameter("weight", torch::ones({width}, options))), eps_(eps) {}

  torch::Tensor forward(const torch::Tensor& x, Weights weights = Weights::trained) const {
    return ops::rms_norm(x, weights == Weights::trained ? weight_ : weight_.detach(), eps_);
  }

 private:
  torch::Tensor weight_;  // [D]
  double eps_;
};

}  // namespace infini
