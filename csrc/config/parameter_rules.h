#pragma once

#include <yaml-cpp/yaml.h>

#include <functional>
#include <string>
#include <vector>

#include "train/train_config.h"

namespace infini {

/// Reads `parameters: [{match: "*.bias", weight_decay: 0}, …]`. `place` gives the file and line of a node. Throws
/// UserError for a key that is unknown or given twice, a value of a wrong type or below 0, a rule without match, and a
/// match that an earlier rule already has. The message is one line with the place.
std::vector<ParameterRule> read_parameter_rules(const YAML::Node& list,
                                                const std::function<std::string(const YAML::Mark&)>& place);

/// `rules`, then those of `others` whose match is not in `rules`. The first match wins, so the other ones would have no
/// effect.
std::vector<ParameterRule> put_before(std::vector<ParameterRule> rules, const std::vector<ParameterRule>& others);

/// The list in the form that read_parameter_rules reads.
YAML::Node to_yaml_value(const std::vector<ParameterRule>& rules);

}  // namespace infini
