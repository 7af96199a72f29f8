#pragma once

#include <filesystem>

#include "io/append_file.h"
#include "train/step_metrics.h"

namespace infini {

/// One TensorBoard event file of a run's tensorboard/ folder; a resumed run begins a new one.
class TensorboardWriter {
 public:
  /// `first_step` is the next one to be computed: what earlier files say of it and of later steps no longer counts.
  TensorboardWriter(const std::filesystem::path& folder, int64_t first_step);

  /// Loss, rates, gradient norm, tokens/s, peak memory, padding; gate and memory share of every head; validation.
  void write(const StepMetrics& metrics);

 private:
  AppendFile file_;
};

}  // namespace infini
