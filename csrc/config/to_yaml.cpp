#include "config/to_yaml.h"

#include <yaml-cpp/yaml.h>

#include "config/config_keys.h"
#include "config/parameter_rules.h"
#include "config/yaml_value.h"

namespace infini {

std::string to_yaml(const TrainConfig& config) {
  TrainConfig values = config;  // a copy, since keys refer to writable fields
  YAML::Node root(YAML::NodeType::Map);
  for (const ConfigKey& key : config_keys()) {
    if (!key.is_written(config)) continue;
    YAML::Node section;
    section.reset(root);
    std::string_view rest = key.path;
    for (size_t dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
      section.reset(section[std::string(rest.substr(0, dot))]);
      rest.remove_prefix(dot + 1);
    }
    const Field field = key.field(values);
    if (auto* const path = std::get_if<std::filesystem::path*>(&field); path != nullptr && !(*path)->empty()) {
      **path = std::filesystem::absolute(**path).lexically_normal();
    }
    section[std::string(rest)] = to_yaml_value(field);
  }
  root[std::string(kParametersKey)] = to_yaml_value(config.parameters);
  YAML::Emitter yaml;
  yaml << root;
  return std::string(yaml.c_str()) + "\n";
}

}  // namespace infini
