#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "eval/needle_report.h"
#include "io/append_file.h"

namespace infini {

/// A file of JSON lines with results: first the settings, then one line per cell. A killed process leaves complete
/// cells, and the next process continues after them.
class NeedleFile {
 public:
  /// Throws UserError if the file has results of other settings, and names the first difference; or if it is another
  /// kind of file.
  NeedleFile(std::filesystem::path file, const nlohmann::json& settings);

  /// The result of an earlier process for this cell, if there is one.
  std::optional<NeedleOutcome> find(const NeedleCell& cell) const;
  void append(const NeedleResult& result);

 private:
  std::vector<NeedleResult> results_;
  std::optional<AppendFile> file_;
};

}  // namespace infini
