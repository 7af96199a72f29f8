#pragma once

#include <filesystem>

#include "io/append_file.h"
#include "train/step_metrics.h"

namespace infini {

/// One TensorBoard event file in a run's tensorboard/ folder. A resumed run begins a new file.
class TensorboardWriter {
 public:
  /// `first_step` is the next step of the run. TensorBoard then drops the values of earlier files for this step and
  /// later ones.
  TensorboardWriter(const std::filesystem::path& folder, int64_t first_step);

  /// Loss, rates, gradient norm, tokens/s, peak memory, padding; gate and memory share of every head; validation.
  void write(const StepMetrics& metrics);

 private:
  AppendFile file_;
};

}  // namespace infini
