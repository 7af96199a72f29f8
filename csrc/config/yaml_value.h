#pragma once

#include <yaml-cpp/yaml.h>

#include <optional>
#include <string>

#include "config/field_value.h"

namespace infini {

/// Puts a YAML value into a field. If the type is wrong, returns the fault ("must be an integer, is a list").
std::optional<std::string> set_from_yaml(const Field& field, const YAML::Node& value);

/// The field as a YAML value. set_from_yaml gives exactly the same value from it.
YAML::Node to_yaml_value(const Field& field);

}  // namespace infini
