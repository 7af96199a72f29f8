#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/field_value.h"
#include "train/train_config.h"

namespace infini {

/// One key of the YAML. Reading, writing, checking and the advice on misspelt keys all use it.
struct ConfigKey {
  std::string path;  ///< "model.memory.update"
  std::function<Field(TrainConfig&)> field;
  Limits limits;
  bool only_if_set = false;  ///< not written where it has the value of a new configuration

  bool is_written(const TrainConfig& config) const;
  std::string_view section() const;  ///< "model.memory"; empty at the top level
  std::string_view name() const;     ///< "update"
};

/// The key that names the base file. It may be in a file only, not in --set.
inline constexpr std::string_view kBaseKey = "base";
/// The list of parameter rules (parameter_rules.h).
inline constexpr std::string_view kParametersKey = "parameters";

/// All keys that have one value, in the order of writing. The keys of one section are next to each other.
const std::vector<ConfigKey>& config_keys();

/// The key with this path, or nullptr.
const ConfigKey* find_key(std::string_view path);
/// Whether this is a section ("model", "model.memory") that has keys.
bool is_section(std::string_view path);

}  // namespace infini
