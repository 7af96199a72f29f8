#pragma once

#include <torch/torch.h>

#include <vector>

#include "train/ranks.h"

namespace infini {

/// Sums the gradients over the ranks, and returns the Euclidean norm of all gradients together, a scalar on their
/// device. If `maximum_norm` is not 0, scales the gradients in place by min(1, maximum_norm / norm). Never waits for
/// the device.
torch::Tensor sum_and_clip_gradients(const std::vector<torch::Tensor>& gradients, double maximum_norm,
                                     const Ranks& ranks);

}  // namespace infini
