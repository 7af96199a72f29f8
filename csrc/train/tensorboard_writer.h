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

  /// Losses, rates, gradient norm, tokens/s, peak memory, padding; the readings of every head, and a histogram of the
  /// gates of all heads; validation.
  void write(const StepMetrics& metrics);

 private:
  AppendFile file_;
};

}  // namespace infini
