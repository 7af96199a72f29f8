#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eval/needle_cell.h"
#include "io/append_file.h"

namespace infini {

/// A depth and what it is called: "start" is 0, "middle" 0.5, "end" 1, others are called by their number.
struct NeedleDepth {
  std::string name;
  double value = 0;
};

/// "32K,128K,1M" (K is 1024, M 1024²). Throws UserError.
std::vector<int64_t> parse_lengths(std::string_view text);
/// "start,middle,end", "0,0.25,1", or "0:1:0.05" (from, to, step). Throws UserError.
std::vector<NeedleDepth> parse_depths(std::string_view text);
/// "grass,harbour"; nothing for "".
std::vector<std::string> parse_names(std::string_view text);

struct NeedleResult {
  NeedleCell cell;
  NeedleOutcome outcome;
};

/// What was measured, cell by cell, in a file of JSON lines: the settings, then a line a cell. A process that was
/// killed leaves whole cells, and the next one goes on behind them.
class NeedleFile {
 public:
  /// Throws UserError if the file holds results of other settings (names the first that differs), or is no such file.
  NeedleFile(std::filesystem::path file, const nlohmann::json& settings);

  /// What an earlier run measured in this cell.
  std::optional<NeedleOutcome> find(const NeedleCell& cell) const;
  void append(const NeedleResult& result);

 private:
  std::vector<NeedleResult> results_;
  std::optional<AppendFile> file_;
};

nlohmann::json to_json(const NeedleResult& result);

/// The 95% interval of a share, `successes` of `trials` (Wilson's).
struct Interval {
  double low = 0, high = 1;
};
Interval confidence_interval(int64_t successes, int64_t trials);

/// Exact match in percent by length and depth, with its interval where there is room for it, and below it what the
/// paper reports for the update (start, middle and end only; "linear" or "delta", nothing for another).
std::string to_text(const std::vector<NeedleResult>& results, const std::vector<NeedleDepth>& depths,
                    const std::string& update);

}  // namespace infini
