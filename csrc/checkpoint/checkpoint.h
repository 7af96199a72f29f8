#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

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

/// Writes config.json and model.safetensors into an existing folder (usually AtomicFolder::path()).
void write_checkpoint(const std::filesystem::path& folder, const nlohmann::json& config, const NamedTensors& weights);

/// The whole checkpoints `step-N` of a run's `checkpoints/` folder by their step. Half-written ones are never among
/// them.
std::map<int64_t, std::filesystem::path> checkpoints_in(const std::filesystem::path& checkpoints_folder);

/// Removes all but the newest `keep_last` checkpoints `step-N`, and what a killed run left half-written. To be called
/// while no checkpoint is being written there.
void remove_old_checkpoints(const std::filesystem::path& checkpoints_folder, int64_t keep_last);

}  // namespace infini
