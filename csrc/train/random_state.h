#pragma once

#include <torch/torch.h>

#include "checkpoint/safetensors.h"

namespace infini {

/// The states of torch's random generators: "cpu", and "cuda" if the device is a GPU.
NamedTensors random_state(torch::Device device);
void set_random_state(const NamedTensors& state, torch::Device device);

}  // namespace infini
