#pragma once

#include <torch/torch.h>

#include <string>

namespace infini {

/// Accepts "auto" (CUDA if there is a GPU), "cpu", "cuda" or "cuda:1". Throws UserError if the device does not exist.
torch::Device choose_device(const std::string& name);

/// The peak memory so far: of the process on the CPU, of the allocator on a GPU.
int64_t peak_memory_bytes(torch::Device device);

}  // namespace infini
