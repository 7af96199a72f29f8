#include "report/needle_record.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

namespace infini::report {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string settings_in_words(const json& settings) {
  std::string fillers;
  for (const auto& filler : settings.at("fillers"))
    fillers += (fillers.empty() ? "" : ", ") + filler.get<std::string>();
  if (const std::string documents = settings.at("documents"); !documents.empty()) {
    fillers += (fillers.empty() ? "" : ", ") + documents;
  }
  const int64_t needles = settings.at("needles");
  return settings.at("task").get<std::string>() + (needles > 1 ? " (" + std::to_string(needles) + " needles)" : "") +
         ", " + std::to_string(settings.at("digits").get<int64_t>()) + " digits, filler: " + fillers +
         (settings.at("memory").get<bool>() ? "" : ", memory off");
}

MeasuredCell cell_of(const json& line) {
  MeasuredCell cell{line.at("length"), line.at("depth"), line.at("trials"), line.at("exact"), {}};
  if (line.contains("evidence_share")) line.at("evidence_share").get_to(cell.evidence_share);
  return cell;
}

NeedleGrid read_grid(const fs::path& file) {
  NeedleGrid grid;
  grid.name = file.stem().string();
  std::ifstream input(file, std::ios::binary);
  std::string line;
  // If getline reaches the end of the file, the last line has no line end: it is still being written.
  while (std::getline(input, line) && !input.eof()) {
    const json parsed = json::parse(line);
    if (parsed.contains("settings")) {
      grid.settings = settings_in_words(parsed.at("settings"));
    } else {
      MeasuredCell cell = cell_of(parsed);
      const auto same = std::find_if(grid.cells.begin(), grid.cells.end(), [&](const MeasuredCell& other) {
        return other.length == cell.length && other.depth == cell.depth;
      });
      if (same == grid.cells.end()) {
        grid.cells.push_back(std::move(cell));
      } else if (same->trials < cell.trials) {
        *same = std::move(cell);  // the result with more trials includes the other one
      }
    }
  }
  return grid;
}

}  // namespace

std::vector<NeedleGrid> read_needle_grids(const fs::path& folder, std::vector<std::string>& notes) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("passkey") && name.ends_with(".jsonl")) files.push_back(entry.path());
  }
  // By name without the ending, so that passkey comes before passkey-unseen.
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) { return a.stem() < b.stem(); });
  std::vector<NeedleGrid> grids;
  for (const fs::path& file : files) {
    try {
      NeedleGrid grid = read_grid(file);
      if (!grid.cells.empty()) grids.push_back(std::move(grid));
    } catch (const json::exception& error) {
      notes.push_back(file.filename().string() + " cannot be read: no map of it (" + error.what() + ").");
    }
  }
  return grids;
}

LongestNeedles longest_needles(const NeedleGrid& grid) {
  LongestNeedles longest;
  for (const MeasuredCell& cell : grid.cells) longest.length = std::max(longest.length, cell.length);
  double exact = 0, trials = 0;
  for (const MeasuredCell& cell : grid.cells) {
    if (cell.length != longest.length) continue;
    exact += static_cast<double>(cell.exact);
    trials += static_cast<double>(cell.trials);
  }
  longest.share = exact / trials;
  return longest;
}

std::string format_percent(double share) {
  char text[16];
  std::snprintf(text, sizeof text, share == 0 || share == 1 ? "%.0f%%" : "%.1f%%", 100 * share);
  return text;
}

}  // namespace infini::report
