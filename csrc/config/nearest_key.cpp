#include <algorithm>
#include <numeric>
#include <set>

#include "config/config_key.h"

namespace infini {
namespace {

/// Insertions, deletions and substitutions that turn one word into the other (Levenshtein).
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

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
  std::vector<std::string_view> candidates;
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
      // The right word in the wrong place beats a similar word, a similar word there only what is not similar here.
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
