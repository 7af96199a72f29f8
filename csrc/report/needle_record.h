#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace infini::report {

/// How often the answer was right at one length and depth.
struct MeasuredCell {
  int64_t length = 0;
  double depth = 0;  ///< 0: the evidence stands at the start, 1: at the end
  int64_t trials = 0;
  int64_t exact = 0;
  std::vector<std::vector<double>> evidence_share;  ///< [layer][head], of what the memory gives; may be empty
};

/// The results in a file that `infini passkey --out` wrote.
struct NeedleGrid {
  std::string name;      ///< the file's, without its ending
  std::string settings;  ///< in words: task, fillers, whether the memory was on
  std::vector<MeasuredCell> cells;
};

/// The passkey*.jsonl of a run's folder, by name. A file that cannot be read is named in `notes`.
std::vector<NeedleGrid> read_needle_grids(const std::filesystem::path& folder, std::vector<std::string>& notes);

/// The share of exact matches, all depths together, at the grid's greatest length.
struct LongestNeedles {
  int64_t length = 0;
  double share = 0;
};
LongestNeedles longest_needles(const NeedleGrid& grid);

/// A share as "99.2%", "100%".
std::string format_percent(double share);

}  // namespace infini::report
