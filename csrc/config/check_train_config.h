#pragma once

#include <optional>
#include <string>
#include <vector>

#include "train/train_config.h"

namespace infini {

/// An impossible value.
struct TrainConfigFault {
  std::vector<std::string> keys;  ///< the keys at fault, the likeliest first
  std::string message;            ///< "train_length must be a multiple of …, is 3000"
};

/// The first impossible value of a configuration: outside of its key's limits, or at odds with another key.
std::optional<TrainConfigFault> find_fault(const TrainConfig& config);

}  // namespace infini
