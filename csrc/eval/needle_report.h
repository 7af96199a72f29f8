#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "eval/needle_cell.h"

namespace infini {

/// A depth and what it is called: "start" is 0, "middle" 0.5, "end" 1, others are called by their number.
struct NeedleDepth {
  std::string name;
  double value = 0;
};

struct NeedleResult {
  NeedleCell cell;
  NeedleOutcome outcome;
};

/// The 95% interval of a share, `successes` of `trials` (Wilson's).
struct Interval {
  double low = 0, high = 1;
};
Interval confidence_interval(int64_t successes, int64_t trials);

/// One result with its interval.
nlohmann::json to_json(const NeedleResult& result);

/// Exact match in percent by length and depth, with its interval where there is room for it. Beside it stands what the
/// paper reports for the update "linear" or "delta", if the depths are start, middle and end.
std::string to_text(const std::vector<NeedleResult>& results, const std::vector<NeedleDepth>& depths,
                    const std::string& update);

}  // namespace infini
