#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace infini::report {

/// One number for every head of every layer: [layer][head]. Not a number where the layer has no such thing.
using HeadReading = std::vector<std::vector<double>>;

/// Readings by the names of the records: "gates", "effective_rank".
using HeadReadings = std::map<std::string, HeadReading>;

/// The values of a JSON object that are readings: lists of lists of numbers or null. Other values are left out.
HeadReadings head_readings(const nlohmann::json& object);

/// The same as JSON for the charts: six significant digits, null where there is no number.
nlohmann::json rounded_json(const HeadReading& reading);

/// Six significant digits: more than a chart shows, and a third of the bytes.
double rounded(double value);

}  // namespace infini::report
