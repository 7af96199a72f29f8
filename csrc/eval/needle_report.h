#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "eval/needle_cell.h"

namespace infini {

/// A depth and its name: "start" is 0, "middle" is 0.5, "end" is 1. The name of any other depth is its number.
struct NeedleDepth {
  std::string name;
  double value = 0;
};

struct NeedleResult {
  NeedleCell cell;
  NeedleOutcome outcome;
};

/// Wilson's 95% interval for a share of `successes` in `trials`.
struct Interval {
  double low = 0, high = 1;
};
Interval confidence_interval(int64_t successes, int64_t trials);

/// One result with its interval.
nlohmann::json to_json(const NeedleResult& result);

/// A table of exact match in percent by length and depth, with the interval if there is room. If the depths are start,
/// middle and end, the paper's numbers for the update "linear" or "delta" are next to it.
std::string to_text(const std::vector<NeedleResult>& results, const std::vector<NeedleDepth>& depths,
                    const std::string& update);

}  // namespace infini
