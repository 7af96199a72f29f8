#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "io/append_file.h"
#include "train/step_metrics.h"

namespace infini {

/// Writes metrics.jsonl: one JSON object per step. Numbers that are not finite become null.
class MetricsWriter {
 public:
  /// Continues the file after `last_step`. Lines of later steps are removed, since a resumed run computes these steps
  /// again. A half-written last line is removed too. The file is replaced atomically.
  MetricsWriter(const std::filesystem::path& file, int64_t last_step);

  void write(const nlohmann::ordered_json& record);
  void sync() { file_.sync(); }

 private:
  AppendFile file_;
};

/// What is recorded of a step.
nlohmann::ordered_json metrics_record(const StepMetrics& metrics);

}  // namespace infini
