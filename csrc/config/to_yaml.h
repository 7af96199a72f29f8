#pragma once

#include <string>

#include "train/train_config.h"

namespace infini {

/// All keys of a configuration as YAML; reading it back gives the same configuration, from whatever folder: paths are
/// relative to the current folder where a configuration is read, and absolute in what is written here.
std::string to_yaml(const TrainConfig& config);

}  // namespace infini
