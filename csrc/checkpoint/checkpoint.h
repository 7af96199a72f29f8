#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "checkpoint/safetensors.h"

namespace infini {

/// The model's files in a checkpoint folder, in the Hugging Face layout: config.json and model.safetensors, or shards
/// with model.safetensors.index.json.
struct CheckpointFiles {
  nlohmann::json config;
  NamedTensors weights;
};

/// Verifies the checksums of a checkpoint folder, if it has them, and reads it. Throws a UserError that says what is
/// missing or damaged.
CheckpointFiles read_checkpoint(const std::filesystem::path& folder);

/// The two steps of read_checkpoint: verify the checksums, then read.
void verify_checkpoint(const std::filesystem::path& folder);
CheckpointFiles read_verified_checkpoint(const std::filesystem::path& folder);

/// Writes config.json and model.safetensors into an existing folder (usually AtomicFolder::path()); also
/// generation_config.json if the config has an end-of-text token.
void write_checkpoint(const std::filesystem::path& folder, const nlohmann::json& config, const NamedTensors& weights);

}  // namespace infini
