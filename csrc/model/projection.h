#pragma once

#include <torch/torch.h>

#include "model/weights.h"
#include "ops/ops.h"

namespace infini {

/// x Wᵀ + b with W [out, in], in x's dtype. The parameters are cast where they are used, so their gradients are
/// accumulated in the wider dtype of the parameters.
class Projection : public torch::nn::Module {
 public:
  Projection(int64_t in, int64_t out, bool bias, const torch::TensorOptions& options)
      : weight_(register_parameter("weight", torch::empty({out, in}, options))) {
    if (bias) bias_ = register_parameter("bias", torch::zeros({out}, options));
  }

  torch::Tensor forward(const torch::Tensor& x, Weights weights = Weights::trained) const {
    const auto parameter = [&](const torch::Tensor& own) {
      return (weights == Weights::trained ? own : own.detach()).to(x.scalar_type());
    };
    std::optional<torch::Tensor> bias;
    if (bias_.defined()) bias = parameter(bias_);
    return ops::affine_map(x, parameter(weight_), bias);
  }

  const torch::Tensor& weight() const { return weight_; }

 private:
  torch::Tensor weight_;  // [out, in]
  torch::Tensor bias_;    // [out], or undefined
};

}  // namespace infini
