#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <map>
#include <string>

namespace infini {

using NamedTensors = std::map<std::string, torch::Tensor>;

/// Reads a .safetensors file: maps it, then copies the tensors. Throws UserError if the file is missing or truncated,
/// if tensors overlap, or if a dtype is unknown. The error names the file and the tensor.
NamedTensors read_safetensors(const std::filesystem::path& file);

/// Writes tensors of any device and layout as .safetensors: into a temporary file, which is synced and then renamed.
/// Throws a std::runtime_error that names the file and the reason if it cannot be written (a full disk).
void write_safetensors(const std::filesystem::path& file, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace infini
