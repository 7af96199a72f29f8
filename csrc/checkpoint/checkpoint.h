#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "checkpoint/safetensors.h"

namespace infini {

/// The model half of a checkpoint folder in the Hugging Face layout: config.json and model.safetensors, or shards with
/// model.safetensors.index.json.
struct CheckpointFiles {
  nlohmann::json config;
  NamedTensors weights;
};

/// Reads and verifies a checkpoint folder (checksums of all its files, where it has them). Throws UserError that says
/// what is missing or damaged.
CheckpointFiles read_checkpoint(const std::filesystem::path& folder);

/// The two halves of read_checkpoint: the checksums, and the rest.
void verify_checkpoint(const std::filesystem::path& folder);
CheckpointFiles read_verified_checkpoint(const std::filesystem::path& folder);

/// Writes config.json, model.safetensors and, where a token ends texts, generation_config.json into an existing folder
/// (usually AtomicFolder::path()).
void write_checkpoint(const std::filesystem::path& folder, const nlohmann::json& config, const NamedTensors& weights);

}  // namespace infini
