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

/// The values that a key may have: a number from `minimum` to `maximum` (an open end is excluded), or one of `choices`.
/// In a list this holds for each element.
struct Limits {
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  bool minimum_open = false, maximum_open = false;
  std::vector<std::string_view> choices = {};
};

/// Whether the field holds a list: [1, 2] in YAML, key=[1,2] in --set.
bool is_list(const Field& field);
/// Whether the field holds text or a path.
bool is_text(const Field& field);

/// Puts a plain scalar, or a list such as "[1, 2]", into a field. If the type is wrong, returns what the key must be
/// ("must be an integer"). Numbers are used in float32, so a number that float32 rounds to 0 or to infinity is refused.
std::optional<std::string> set_field(const Field& field, std::string_view text);
/// The field as a plain scalar, or a list such as "[1, 2]". set_field gives exactly the same value from it.
std::string field_text(const Field& field);
/// If the value of the field is outside the limits: what the key must be ("must be at least 1").
std::optional<std::string> limit_fault(const Field& field, const Limits& limits);

}  // namespace infini
