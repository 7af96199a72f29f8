#include "train/gradient_clipping.h"

namespace infini {

torch::Tensor sum_and_clip_gradients(const std::vector<torch::Tensor>& gradients, double maximum_norm,
                                     const Ranks& ranks) {
  const torch::NoGradGuard no_graph;
  ranks.sum(gradients);
  torch::Tensor norm = torch::stack(at::_foreach_norm(gradients, 2)).norm();
  if (maximum_norm > 0) {
    // Keeps the quotient finite if all gradients are zero, as in PyTorch's clip_grad_norm_.
    constexpr double kEpsilon = 1e-6;
    at::_foreach_mul_(gradients, (maximum_norm / (norm + kEpsilon)).clamp_max_(1.0));
  }
  return norm;
}

}  // namespace infini
