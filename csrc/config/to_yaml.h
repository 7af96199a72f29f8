#pragma once

#include <string>

#include "train/train_config.h"

namespace infini {

/// All keys of a configuration as YAML. It gives the same configuration when it is read in any folder: paths in a
/// configuration are relative to the current folder, so they are written here as absolute paths.
std::string to_yaml(const TrainConfig& config);

}  // namespace infini
