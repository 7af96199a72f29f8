#pragma once

#include <yaml-cpp/yaml.h>

#include <functional>
#include <string>
#include <vector>

#include "train/train_config.h"

namespace infini {

/// Reads `parameters: [{match: "*.bias", weight_decay: 0}, …]`. `place` says where a line of it stands. Throws
/// UserError, one line with the place, for a key that is unknown or given twice, a value of a wrong type or below 0, a
/// rule without match, and a match that an earlier rule has.
std::vector<ParameterRule> read_parameter_rules(const YAML::Node& list,
                                                const std::function<std::string(const YAML::Mark&)>& place);

/// `rules`, then those of `others` whose match none of `rules` has: the first match wins, so nothing is said twice.
std::vector<ParameterRule> put_before(std::vector<ParameterRule> rules, const std::vector<ParameterRule>& others);

/// The list as read_parameter_rules reads it.
YAML::Node to_yaml_value(const std::vector<ParameterRule>& rules);

}  // namespace infini
