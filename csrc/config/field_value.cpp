#include "config/field_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <type_traits>

namespace infini {
namespace {

template <typename Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

constexpr const char* kFloatRange = "must be a number that float32 holds: 0, or in size from 1.2e-38 to 3.4e38";

bool float32_holds(double number) {
  constexpr double smallest = std::numeric_limits<float>::min(), largest = std::numeric_limits<float>::max();
  const double size = std::abs(number);
  return size == 0 || (size >= smallest && size <= largest);
}

/// The shortest text that gives the same number when it is read.
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

template <typename Value>
constexpr bool is_vector = false;
template <typename Value>
constexpr bool is_vector<std::vector<Value>> = true;

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\n"), end = text.find_last_not_of(" \t\n");
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin, end - begin + 1);
}

/// Empty if the text is not a list.
std::optional<std::vector<std::string_view>> list_items(std::string_view text) {
  text = trimmed(text);
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  std::vector<std::string_view> items;
  if (trimmed(text).empty()) return items;
  for (size_t comma = text.find(','); comma != std::string_view::npos; comma = text.find(',')) {
    items.push_back(trimmed(text.substr(0, comma)));
    text.remove_prefix(comma + 1);
  }
  items.push_back(trimmed(text));
  return items;
}

template <typename Item>
std::optional<std::string> set_list(std::vector<Item>& list, std::string_view text) {
  constexpr bool numbers = std::is_arithmetic_v<Item>;
  std::string wanted = std::string("must be a list of ") +
                       (!numbers                       ? "words"
                        : std::is_same_v<Item, double> ? "numbers"
                                                       : "integers") +
                       ", as [" + (numbers ? "1, 2" : "a, b") + "]";
  const auto items = list_items(text);
  if (!items) return wanted;
  std::vector<Item> values;
  for (const std::string_view item : *items) {
    if (item.empty()) return wanted;
    if constexpr (numbers) {
      if (!parse_number(item, values.emplace_back())) return wanted;
      if constexpr (std::is_floating_point_v<Item>) {
        if (!std::isfinite(values.back())) return wanted;
        if (!float32_holds(values.back())) return std::string("in each place ") + kFloatRange;
      }
    } else {
      values.emplace_back(item);
    }
  }
  list = std::move(values);
  return std::nullopt;
}

/// The numbers in a field: one, all of a list, or none if it is not a number.
std::vector<double> as_numbers(const Field& field) {
  return std::visit(
      [](auto* value) -> std::vector<double> {
        using Value = std::remove_pointer_t<decltype(value)>;
        if constexpr (std::is_arithmetic_v<Value>) {
          return {static_cast<double>(*value)};
        } else if constexpr (std::is_same_v<Value, std::vector<int64_t>> ||
                             std::is_same_v<Value, std::vector<double>>) {
          return {value->begin(), value->end()};
        } else {
          return {};
        }
      },
      field);
}

}  // namespace

bool is_list(const Field& field) {
  return std::visit([](auto* value) { return is_vector<std::remove_pointer_t<decltype(value)>>; }, field);
}

bool is_text(const Field& field) {
  return std::holds_alternative<std::string*>(field) || std::holds_alternative<std::filesystem::path*>(field);
}

std::optional<std::string> set_field(const Field& field, std::string_view text) {
  return std::visit(
      [text](auto* value) -> std::optional<std::string> {
        using Value = std::remove_pointer_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, bool>) {
          if (text != "true" && text != "false") return "must be true or false";
          *value = text == "true";
        } else if constexpr (std::is_same_v<Value, double>) {
          if (!parse_number(text, *value) || !std::isfinite(*value)) return "must be a number";
          if (!float32_holds(*value)) return kFloatRange;
        } else if constexpr (std::is_same_v<Value, uint64_t>) {
          if (!parse_number(text, *value)) return "must be an integer from 0 to 2^64 - 1";
        } else if constexpr (std::is_same_v<Value, int64_t>) {
          if (!parse_number(text, *value)) return "must be an integer";
        } else if constexpr (is_vector<Value>) {
          return set_list(*value, text);
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
        } else if constexpr (is_vector<Value>) {
          std::string list;
          for (const auto& item : *value) {
            if (!list.empty()) list += ", ";
            if constexpr (std::is_arithmetic_v<typename Value::value_type>) {
              list += number_text(item);
            } else {
              list += item;
            }
          }
          return "[" + list + "]";
        } else {
          return *value;
        }
      },
      field);
}

std::optional<std::string> limit_fault(const Field& field, const Limits& limits) {
  if (!limits.choices.empty()) {
    const std::string text = field_text(field);
    if (std::find(limits.choices.begin(), limits.choices.end(), text) == limits.choices.end()) {
      return "must be " + joined(limits.choices);
    }
  }
  const std::vector<double> numbers = as_numbers(field);
  const bool within = std::all_of(numbers.begin(), numbers.end(), [&](double number) {
    const bool too_small = limits.minimum_open ? number <= limits.minimum : number < limits.minimum;
    const bool too_large = limits.maximum_open ? number >= limits.maximum : number > limits.maximum;
    return !too_small && !too_large;
  });
  if (within) return std::nullopt;
  std::string fault = (limits.minimum_open ? "must be more than " : "must be at least ") + number_text(limits.minimum);
  if (std::isfinite(limits.maximum)) {
    fault += (limits.maximum_open ? " and less than " : " and at most ") + number_text(limits.maximum);
  }
  return fault;
}

}  // namespace infini
