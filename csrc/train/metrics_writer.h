#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "io/append_file.h"
#include "train/step_metrics.h"

namespace infini {

/// metrics.jsonl: one JSON object a step. Numbers that are not finite are null.
class MetricsWriter {
 public:
  /// Continues the file after `last_step`: lines of later steps, which a resumed run computes again, and a last line
  /// that was written half are removed, atomically.
  MetricsWriter(const std::filesystem::path& file, int64_t last_step);

  void write(const nlohmann::ordered_json& record);
  void sync() { file_.sync(); }

 private:
  AppendFile file_;
};

/// What is recorded of a step.
nlohmann::ordered_json metrics_record(const StepMetrics& metrics);

}  // namespace infini
