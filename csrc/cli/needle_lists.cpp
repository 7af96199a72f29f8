#include "cli/needle_lists.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <optional>

#include "log/error.h"

namespace infini {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t at = text.find(separator); at != std::string_view::npos; at = text.find(separator)) {
    parts.push_back(text.substr(0, at));
    text.remove_prefix(at + 1);
  }
  parts.push_back(text);
  return parts;
}

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string depth_name(double depth) {
  char text[32];
  const auto [end, error] = std::to_chars(std::begin(text), std::end(text), depth);
  return {text, end};
}

double depth_value(std::string_view text) {
  if (text == "start") return 0;
  if (text == "middle") return 0.5;
  if (text == "end") return 1;
  const std::optional<double> value = number<double>(text);
  if (!value || !(*value >= 0 && *value <= 1)) {
    throw UserError("--depths: '" + std::string(text) + "' is no depth; expected start, middle, end, a number from 0 " +
                    "to 1, or 0:1:0.05");
  }
  return *value;
}

}  // namespace

std::vector<int64_t> parse_lengths(std::string_view text) {
  std::vector<int64_t> lengths;
  for (const std::string_view part : split(text, ',')) {
    std::string_view digits = part;
    int64_t unit = 1;
    if (part.ends_with('K') || part.ends_with('k')) unit = 1024;
    if (part.ends_with('M')) unit = int64_t{1} << 20;
    if (unit > 1) digits.remove_suffix(1);
    const std::optional<int64_t> value = number<int64_t>(digits);
    if (!value || *value < 1 || *value > (int64_t{1} << 40) / unit) {
      throw UserError("--lengths: '" + std::string(part) + "' is no length; expected tokens, as 32K, 1M or 5000");
    }
    lengths.push_back(*value * unit);
  }
  return lengths;
}

std::vector<std::string> parse_names(std::string_view text) {
  std::vector<std::string> names;
  for (const std::string_view part : split(text, ',')) {
    if (!part.empty()) names.emplace_back(part);
  }
  return names;
}

std::vector<NeedleDepth> parse_depths(std::string_view text) {
  std::vector<NeedleDepth> depths;
  if (const auto range = split(text, ':'); range.size() == 3) {
    const double from = depth_value(range[0]), to = depth_value(range[1]);
    const std::optional<double> step = number<double>(range[2]);
    if (!step || !(*step > 0) || from > to) {
      throw UserError("--depths: '" + std::string(text) + "' is no range; expected from:to:step, as 0:1:0.05");
    }
    const auto count = static_cast<int64_t>(std::floor((to - from) / *step + 1e-9));
    for (int64_t i = 0; i <= count; ++i) {
      const double depth = std::round(std::min(from + static_cast<double>(i) * *step, to) * 1e6) / 1e6;
      depths.push_back({depth_name(depth), depth});
    }
    return depths;
  }
  for (const std::string_view part : split(text, ',')) depths.push_back({std::string(part), depth_value(part)});
  return depths;
}

}  // namespace infini
