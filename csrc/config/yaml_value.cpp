#include "config/yaml_value.h"

namespace infini {
namespace {

std::string shown(const YAML::Node& value) {
  if (value.IsNull()) return "nothing";
  if (value.IsSequence()) return "a list";
  return value.IsMap() ? "a section" : "\"" + value.Scalar() + "\"";
}

}  // namespace

std::optional<std::string> set_from_yaml(const Field& field, const YAML::Node& value) {
  std::string text;
  if (is_list(field) && value.IsSequence()) {
    for (const YAML::Node& item : value) text += (text.empty() ? "" : ", ") + (item.IsScalar() ? item.Scalar() : "");
    text = "[" + text + "]";
  } else if (!value.IsScalar() || (!is_text(field) && value.Tag() == "!")) {
    // yaml-cpp gives a quoted scalar the tag "!". A quoted number is text.
    const std::string wanted = is_text(field) ? "must be a text" : *set_field(field, "");
    return wanted + ", is " + shown(value);
  } else {
    text = value.Scalar();
  }
  const std::optional<std::string> wanted = set_field(field, text);
  if (!wanted) return std::nullopt;
  return *wanted + ", is \"" + text + "\"";
}

YAML::Node to_yaml_value(const Field& field) {
  if (is_list(field)) return YAML::Load(field_text(field));
  YAML::Node node(field_text(field));
  // Write an empty text with quotes: without them the key would have no value.
  if (is_text(field) && node.Scalar().empty()) node.SetTag("!");
  return node;
}

}  // namespace infini
