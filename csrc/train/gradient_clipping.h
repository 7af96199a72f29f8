#pragma once

#include <torch/torch.h>

#include <vector>

#include "train/ranks.h"

namespace infini {

/// Sums the gradients over the ranks, and returns the Euclidean norm over all of them, a scalar on their device. Where
/// `maximum_norm` is not 0, the gradients are scaled in place by min(1, maximum_norm / norm). Reads no value from the
/// device.
torch::Tensor sum_and_clip_gradients(const std::vector<torch::Tensor>& gradients, double maximum_norm,
                                     const Ranks& ranks);

}  // namespace infini
