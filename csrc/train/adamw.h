#pragma once

#include <vector>

#include "train/optimizer.h"

namespace infini {

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019), by ATen's fused kernel: one pass over all tensors.
///   m ← β1 m + (1 − β1) g;  v ← β2 v + (1 − β2) g²
///   p ← p (1 − rate · decay) − rate · m̂ / (√v̂ + ε),  m̂ = m / (1 − β1^t), v̂ = v / (1 − β2^t)
class AdamW : public Optimizer {
 public:
  AdamW(const std::vector<ParameterGroup>& groups, const OptimizerConfig& config);

 protected:
  void update(double rate_fraction) override;
  NamedTensors moments() const override;

 private:
  struct Moments {
    std::vector<torch::Tensor> first, second;
  };
  OptimizerConfig config_;
  std::vector<Moments> moments_;  ///< one per group
};

}  // namespace infini
