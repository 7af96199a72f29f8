#pragma once

#include <cstdint>
#include <filesystem>

#include "train/train_config.h"

namespace infini {

/// Writes a run's config.yaml, enough to run again. Where an earlier start of the run, which did `steps_done` steps,
/// had another configuration, each key that has changed is warned of, and the earlier file is kept as
/// config-until-step-N.yaml.
void write_run_config(const std::filesystem::path& run_folder, const TrainConfig& config, int64_t steps_done);

}  // namespace infini
