#include <yaml-cpp/yaml.h>

#include <string>

#include "config/config_key.h"
#include "config/load_train_config.h"

namespace infini {
namespace {

YAML::Node to_node(const Field& field) {
  if (is_list(field)) return YAML::Load(field_text(field));
  YAML::Node node(field_text(field));
  const bool is_text =
      std::holds_alternative<std::string*>(field) || std::holds_alternative<std::filesystem::path*>(field);
  if (is_text && node.Scalar().empty()) node.SetTag("!");  // quoted: bare, it would be a key without a value
  return node;
}

}  // namespace

std::string to_yaml(const TrainConfig& config) {
  TrainConfig values = config;  // keys refer to fields that may be written to
  YAML::Node root(YAML::NodeType::Map);
  for (const ConfigKey& key : config_keys()) {
    YAML::Node section;
    section.reset(root);
    std::string_view rest = key.path;
    for (size_t dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
      section.reset(section[std::string(rest.substr(0, dot))]);
      rest.remove_prefix(dot + 1);
    }
    section[std::string(rest)] = to_node(key.field(values));
  }
  YAML::Emitter yaml;
  yaml << root;
  return std::string(yaml.c_str()) + "\n";
}

}  // namespace infini
