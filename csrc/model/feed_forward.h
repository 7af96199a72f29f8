#pragma once

#include <torch/torch.h>

#include "model/config.h"
#include "model/projection.h"

namespace infini {

/// down(silu(gate(x)) · up(x)): [..., hidden_size] → [..., hidden_size].
class FeedForward : public torch::nn::Module {
 public:
  FeedForward(const ModelConfig& config, const torch::TensorOptions& options);

  torch::Tensor forward(const torch::Tensor& x) const;

 private:
  std::shared_ptr<Projection> gate_, up_, down_;
};

}  // namespace infini
