#include <algorithm>
#include <charconv>
#include <cmath>
#include <type_traits>

#include "config/config_key.h"

namespace infini {
namespace {

template <typename Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

/// The shortest text that reads back as the same number.
template <typename Number>
std::string number_text(Number number) {
  char text[64];
  const auto [end, error] = std::to_chars(std::begin(text), std::end(text), number);
  return std::string(text, end);
}

std::string joined(const std::vector<std::string_view>& choices) {
  std::string text;
  for (size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) text += i + 1 == choices.size() ? " or " : ", ";
    text += choices[i];
  }
  return text;
}

std::optional<double> as_number(const Field& field) {
  return std::visit(
      [](auto* value) -> std::optional<double> {
        if constexpr (std::is_arithmetic_v<std::remove_pointer_t<decltype(value)>>) return static_cast<double>(*value);
        return std::nullopt;
      },
      field);
}

}  // namespace

std::optional<std::string> set_field(const Field& field, std::string_view text) {
  return std::visit(
      [text](auto* value) -> std::optional<std::string> {
        using Value = std::remove_pointer_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, bool>) {
          if (text != "true" && text != "false") return "must be true or false";
          *value = text == "true";
        } else if constexpr (std::is_same_v<Value, double>) {
          if (!parse_number(text, *value) || !std::isfinite(*value)) return "must be a number";
        } else if constexpr (std::is_same_v<Value, uint64_t>) {
          if (!parse_number(text, *value)) return "must be an integer from 0 to 2^64 - 1";
        } else if constexpr (std::is_same_v<Value, int64_t>) {
          if (!parse_number(text, *value)) return "must be an integer";
        } else {
          *value = std::string(text);
        }
        return std::nullopt;
      },
      field);
}

std::string field_text(const Field& field) {
  return std::visit(
      [](auto* value) -> std::string {
        using Value = std::remove_pointer_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, bool>) {
          return *value ? "true" : "false";
        } else if constexpr (std::is_arithmetic_v<Value>) {
          return number_text(*value);
        } else {
          return *value;
        }
      },
      field);
}

std::optional<std::string> limit_fault(const ConfigKey& key, TrainConfig& config) {
  const Limits& limits = key.limits;
  const Field field = key.field(config);
  if (!limits.choices.empty()) {
    const std::string text = field_text(field);
    if (std::find(limits.choices.begin(), limits.choices.end(), text) == limits.choices.end()) {
      return "must be " + joined(limits.choices);
    }
  }
  const std::optional<double> number = as_number(field);
  if (!number) return std::nullopt;
  const bool too_small = limits.minimum_open ? *number <= limits.minimum : *number < limits.minimum;
  const bool too_large = limits.maximum_open ? *number >= limits.maximum : *number > limits.maximum;
  if (!too_small && !too_large) return std::nullopt;
  std::string fault = (limits.minimum_open ? "must be more than " : "must be at least ") + number_text(limits.minimum);
  if (std::isfinite(limits.maximum)) {
    fault += (limits.maximum_open ? " and less than " : " and at most ") + number_text(limits.maximum);
  }
  return fault;
}

}  // namespace infini
