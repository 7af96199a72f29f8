#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "log/progress.h"
#include "train/step_metrics.h"

namespace infini {

/// Shows the steps of a run: a bar on a terminal, or else one line every `every` steps. Each validation gets its own
/// line, above the bar.
class StepDisplay {
 public:
  StepDisplay(int64_t steps, int64_t done, int64_t every);

  void show(const StepMetrics& metrics, const Objective& objective);

 private:
  int64_t steps_, first_, every_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::optional<Progress> bar_;
};

}  // namespace infini
