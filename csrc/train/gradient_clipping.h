#pragma once

#include <torch/torch.h>

#include <vector>

namespace infini {

/// The Euclidean norm over all gradients, a scalar on their device. Where `maximum_norm` is not 0, the gradients are
/// scaled in place by min(1, maximum_norm / norm). Reads no value from the device.
torch::Tensor clip_gradients(const std::vector<torch::Tensor>& gradients, double maximum_norm);

}  // namespace infini
