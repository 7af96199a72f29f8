#pragma once

#include <torch/torch.h>

namespace infini {

/// x / sqrt(mean(x²) + eps) · weight over the last dimension: x [..., D], weight [D] → like x. Statistics in float32,
/// or in float64 where x is; each gradient has its input's dtype. Differentiable once.
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps);

class RmsNorm : public torch::nn::Module {
 public:
  RmsNorm(int64_t width, double eps, const torch::TensorOptions& options)
      : weight_(register_parameter("weight", torch::ones({width}, options))), eps_(eps) {}

  torch::Tensor forward(const torch::Tensor& x) const { return rms_norm(x, weight_, eps_); }

 private:
  torch::Tensor weight_;  // [D]
  double eps_;
};

}  // namespace infini
