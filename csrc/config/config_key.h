#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "train/train_config.h"

namespace infini {

/// A field of a TrainConfig.
using Field = std::variant<int64_t*, uint64_t*, double*, bool*, std::string*, std::filesystem::path*,
                           std::vector<int64_t>*, std::vector<double>*, std::vector<std::string>*>;

/// Whether the field holds a list: in YAML [1, 2], and so in --set key=[1,2].
bool is_list(const Field& field);

/// The values that a key may have (in a list: each): numbers from `minimum` to `maximum` (without the ends where they
/// are open), or one of `choices`.
struct Limits {
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  bool minimum_open = false, maximum_open = false;
  std::vector<std::string_view> choices = {};
};

/// One key of the YAML: what reading, writing, checking and the advice on misspelt keys all go by.
struct ConfigKey {
  std::string_view path;  ///< "model.memory.update"
  std::function<Field(TrainConfig&)> field;
  Limits limits;

  std::string_view section() const;  ///< "model.memory"; empty at the top level
  std::string_view name() const;     ///< "update"
};

/// All keys, in the order in which they are written; the keys of one section stand together.
const std::vector<ConfigKey>& config_keys();

/// The key with this path, or nullptr.
const ConfigKey* find_key(std::string_view path);
/// Whether some key lies in this section ("model", "model.memory").
bool is_section(std::string_view path);
/// The key or section most like `path`: its name alone where it lies in the same section, else its whole path.
std::string nearest_key(std::string_view path);

/// Puts a plain scalar, or a list as "[1, 2]", into a field; returns what the key must be ("must be an integer") if it
/// is of another type.
std::optional<std::string> set_field(const Field& field, std::string_view text);
/// The field as a plain scalar, or a list as "[1, 2]", that set_field reads back exactly.
std::string field_text(const Field& field);
/// What the key must be ("must be at least 1"), if the field's value is outside of its limits.
std::optional<std::string> limit_fault(const ConfigKey& key, TrainConfig& config);

}  // namespace infini
