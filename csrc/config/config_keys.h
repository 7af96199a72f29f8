#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "config/field_value.h"
#include "train/train_config.h"

namespace infini {

/// One key of the YAML: what reading, writing, checking and the advice on misspelt keys all go by.
struct ConfigKey {
  std::string_view path;  ///< "model.memory.update"
  std::function<Field(TrainConfig&)> field;
  Limits limits;

  std::string_view section() const;  ///< "model.memory"; empty at the top level
  std::string_view name() const;     ///< "update"
};

/// The file that a configuration begins from; said in files alone.
inline constexpr std::string_view kBaseKey = "base";
/// The list of parameter rules (parameter_rules.h).
inline constexpr std::string_view kParametersKey = "parameters";

/// All keys with one value each, in the order in which they are written; the keys of one section stand together.
const std::vector<ConfigKey>& config_keys();

/// The key with this path, or nullptr.
const ConfigKey* find_key(std::string_view path);
/// Whether some key lies in this section ("model", "model.memory").
bool is_section(std::string_view path);

}  // namespace infini
