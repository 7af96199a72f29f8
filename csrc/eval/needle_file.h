#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "eval/needle_report.h"
#include "io/append_file.h"

namespace infini {

/// What was measured, cell by cell, in a file of JSON lines: first the settings, then one line for each cell. A process
/// that was killed leaves whole cells, and the next one goes on after them.
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

}  // namespace infini
