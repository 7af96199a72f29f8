#pragma once

#include <optional>
#include <string>
#include <vector>

#include "train/train_config.h"

namespace infini {

/// An impossible value.
struct TrainConfigFault {
  std::vector<std::string> keys;  ///< the wrong keys, the most likely one first
  std::string message;            ///< "train_length must be a multiple of …, is 3000"
};

/// The first impossible value in a configuration: outside the limits of its key, or in conflict with another key.
std::optional<TrainConfigFault> find_fault(const TrainConfig& config);

}  // namespace infini
