#pragma once

#include <filesystem>
#include <string>

#include "io/append_file.h"
#include "train/step_metrics.h"

namespace infini {

/// metrics.jsonl: one JSON object a step. Numbers that are not finite are null.
class MetricsWriter {
 public:
  /// Continues the file after `last_step`: lines of later steps, which a resumed run computes again, and a last line
  /// that was written half are removed, atomically.
  MetricsWriter(const std::filesystem::path& file, int64_t last_step);

  void write(const StepMetrics& metrics);
  void sync() { file_.sync(); }

 private:
  AppendFile file_;
};

/// One line without its end.
std::string metrics_line(const StepMetrics& metrics);

}  // namespace infini
