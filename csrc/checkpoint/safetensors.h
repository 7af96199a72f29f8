#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <map>
#include <string>

namespace infini {

using NamedTensors = std::map<std::string, torch::Tensor>;

/// Reads a .safetensors file (memory-mapped, then owned). Throws UserError that names the file, and the tensor where
/// one is at fault, if it is missing, truncated, overlapping or of an unknown dtype.
NamedTensors read_safetensors(const std::filesystem::path& file);

/// Writes tensors (any device, made contiguous) as .safetensors: beside, synced, then renamed. Throws
/// std::runtime_error that names the file and the reason if it cannot be written (a full disk).
void write_safetensors(const std::filesystem::path& file, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace infini
