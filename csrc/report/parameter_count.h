#pragma once

#include <cstdint>
#include <filesystem>

namespace infini::report {

/// The number of parameters in a checkpoint folder, from the headers of model.safetensors (or of the shards that
/// model.safetensors.index.json names): an 8-byte little-endian length, then JSON with every tensor's shape.
/// No weight is read. Throws UserError that names the file that is missing or damaged.
int64_t count_parameters(const std::filesystem::path& checkpoint);

}  // namespace infini::report
