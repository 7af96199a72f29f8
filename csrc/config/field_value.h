#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace infini {

/// A field of a configuration.
using Field = std::variant<int64_t*, uint64_t*, double*, bool*, std::string*, std::filesystem::path*,
                           std::vector<int64_t>*, std::vector<double>*, std::vector<std::string>*>;

/// The values that a key may have (in a list: each): numbers from `minimum` to `maximum` (without the ends where they
/// are open), or one of `choices`.
struct Limits {
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  bool minimum_open = false, maximum_open = false;
  std::vector<std::string_view> choices = {};
};

/// Whether the field holds a list: in YAML [1, 2], and so in --set key=[1,2].
bool is_list(const Field& field);
/// Whether the field holds a text or a path.
bool is_text(const Field& field);

/// Puts a plain scalar, or a list as "[1, 2]", into a field; returns what the key must be ("must be an integer") if it
/// is of another type. Numbers are computed with in float32, so one that float32 rounds to 0 or to infinity is refused.
std::optional<std::string> set_field(const Field& field, std::string_view text);
/// The field as a plain scalar, or a list as "[1, 2]", that set_field reads back exactly.
std::string field_text(const Field& field);
/// What the key must be ("must be at least 1"), if the field's value is outside of the limits.
std::optional<std::string> limit_fault(const Field& field, const Limits& limits);

}  // namespace infini
