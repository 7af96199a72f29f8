#pragma once

#include <cstdint>
#include <filesystem>

#include "train/train_config.h"

namespace infini {

/// Writes a run's config.yaml, enough to repeat the run. If the configuration differs from the one of an earlier start,
/// which did `steps_done` steps, warns of each changed key and keeps the earlier file as config-until-step-N.yaml.
void write_run_config(const std::filesystem::path& run_folder, const TrainConfig& config, int64_t steps_done);

}  // namespace infini
