#pragma once

#include <torch/torch.h>

#include "checkpoint/safetensors.h"

namespace infini {

/// The state of torch's generators: "cpu", and "cuda" on such a device.
NamedTensors random_state(torch::Device device);
void set_random_state(const NamedTensors& state, torch::Device device);

}  // namespace infini
