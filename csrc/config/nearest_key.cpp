#include "config/nearest_key.h"

#include <set>
#include <vector>

#include "config/config_keys.h"
#include "text/edit_distance.h"

namespace infini {
namespace {

constexpr size_t kFar = 100;

struct Name {
  std::string_view section, name;
};

Name split(std::string_view path) {
  const size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return {"", path};
  return {path.substr(0, dot), path.substr(dot + 1)};
}

}  // namespace

std::string nearest_key(std::string_view path) {
  std::vector<std::string_view> candidates = {kBaseKey, kParametersKey};
  std::set<std::string_view> sections;
  for (const ConfigKey& key : config_keys()) {
    for (std::string_view section = key.section(); !section.empty(); section = split(section).section) {
      if (sections.insert(section).second) candidates.push_back(section);
    }
    candidates.push_back(key.path);
  }

  const Name wanted = split(path);
  std::string_view nearest;
  size_t least = std::string::npos;
  for (const std::string_view candidate : candidates) {
    const auto [section, name] = split(candidate);
    size_t distance = edit_distance(wanted.name, name);
    if (section != wanted.section) {
      // In another section only a name that is equal or off by one letter competes with similar names of this section.
      distance += distance <= 1 ? 1 : kFar;
    }
    if (distance < least) {
      least = distance;
      nearest = candidate;
    }
  }
  const auto [section, name] = split(nearest);
  return std::string(section == wanted.section ? name : nearest);
}

}  // namespace infini
