#pragma once

#include <torch/torch.h>

#include <string>

#include "data/batch.h"

namespace infini {

/// "auto" (CUDA where there is one), "cpu", "cuda" or "cuda:1". Throws UserError if the device does not exist.
torch::Device choose_device(const std::string& name);

/// Copies a batch to the device. Towards a GPU it goes through pinned memory, so nothing waits for the copy.
Batch to_device(const Batch& batch, torch::Device device);

/// The most memory in use so far: of the process on the CPU, of the allocator on a GPU.
int64_t peak_memory_bytes(torch::Device device);

}  // namespace infini
