#include "report/head_reading.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace infini::report {

using nlohmann::json;

HeadReadings head_readings(const json& object) {
  HeadReadings readings;
  for (const auto& [name, value] : object.items()) {
    const bool is_matrix = value.is_array() && !value.empty() &&
                           std::all_of(value.begin(), value.end(), [](const json& row) { return row.is_array(); });
    if (!is_matrix) continue;
    HeadReading& reading = readings[name];
    for (const json& layer : value) {
      std::vector<double>& heads = reading.emplace_back();
      for (const json& head : layer) {
        heads.push_back(head.is_null() ? std::numeric_limits<double>::quiet_NaN() : head.get<double>());
      }
    }
  }
  return readings;
}

json rounded_json(const HeadReading& reading) {
  json layers = json::array();
  for (const auto& layer : reading) {
    json heads = json::array();
    for (const double value : layer) heads.push_back(std::isfinite(value) ? json(rounded(value)) : json(nullptr));
    layers.push_back(heads);
  }
  return layers;
}

double rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return std::strtod(text, nullptr);
}

}  // namespace infini::report
