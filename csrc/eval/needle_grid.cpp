#include "eval/needle_grid.h"

#include <charconv>
#include <cmath>
#include <fstream>
#include <utility>

#include "io/atomic_file.h"
#include "log/error.h"

namespace infini {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

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

NeedleResult from_json(const json& line) {
  NeedleResult result;
  result.cell = {line.at("length"), line.at("depth"), line.at("trials")};
  result.outcome.exact = line.at("exact");
  result.outcome.correct = line.at("correct_tokens");
  result.outcome.answers = line.at("answer_tokens");
  result.outcome.seconds = line.at("seconds");
  result.outcome.tokens = line.at("tokens");
  if (line.contains("evidence_share")) line.at("evidence_share").get_to(result.outcome.evidence_share);
  return result;
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

NeedleFile::NeedleFile(fs::path file, const json& settings) {
  std::string kept = json{{"settings", settings}}.dump() + "\n";
  if (std::ifstream input(file, std::ios::binary); input) {
    const auto refuse = [&](const std::string& reason) -> void {
      throw UserError(file.string() + " " + reason + "; name another file, or remove it");
    };
    std::string line;
    bool first = true;
    // getline reaches the end of the file only where the last line has no end of its own: it was written half.
    while (std::getline(input, line) && !input.eof()) {
      const json parsed = json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (std::exchange(first, false)) {
        if (!parsed.is_object() || !parsed.contains("settings")) refuse("holds no results of infini passkey");
        for (const auto& [key, value] : settings.items()) {
          const json& theirs = parsed["settings"].value(key, json());
          if (theirs != value) refuse("holds results with " + key + " " + theirs.dump() + ", not " + value.dump());
        }
        continue;
      }
      try {
        results_.push_back(from_json(parsed));
      } catch (const json::exception&) {
        refuse("has a line that is no result: " + line.substr(0, 60));
      }
      kept += line + "\n";
    }
    if (first && !line.empty()) refuse("holds no results of infini passkey");
  }
  write_file(file, kept);
  file_.emplace(std::move(file));
}

std::optional<NeedleOutcome> NeedleFile::find(const NeedleCell& cell) const {
  for (const NeedleResult& result : results_) {
    if (result.cell.length == cell.length && result.cell.depth == cell.depth && result.cell.trials == cell.trials) {
      return result.outcome;
    }
  }
  return std::nullopt;
}

void NeedleFile::append(const NeedleResult& result) {
  results_.push_back(result);
  file_->append(to_json(result).dump() + "\n");
  file_->sync();
}

}  // namespace infini
