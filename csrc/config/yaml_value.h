#pragma once

#include <yaml-cpp/yaml.h>

#include <optional>
#include <string>

#include "config/field_value.h"

namespace infini {

/// Puts a YAML value into a field; returns what is wrong ("must be an integer, is a list") if it is of another type.
std::optional<std::string> set_from_yaml(const Field& field, const YAML::Node& value);

/// The field as a YAML value that set_from_yaml reads back exactly.
YAML::Node to_yaml_value(const Field& field);

}  // namespace infini
