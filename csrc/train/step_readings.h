#pragma once

#include <torch/torch.h>

#include <optional>
#include <vector>

#include "model/answer_reading.h"
#include "model/memory_diagnostics.h"
#include "train/step_metrics.h"

namespace infini {

/// What the host learns of one step.
struct StepReadings {
  double loss = 0.0;                                     ///< nats a token
  double gradient_norm = 0.0;                            ///< before clipping
  std::vector<std::vector<double>> gates, memory_share;  ///< [layers][H]; empty where they were not asked for

  std::optional<TaskMetrics> task;

  /// Neither loss nor gradient is infinite or NaN.
  bool finite() const;
};

/// The one synchronisation point of a training step: copies everything to the host in one transfer and waits for it.
/// loss and gradient_norm are scalars on the device; `answers` are the batches' of a step with a task.
StepReadings synchronise(const torch::Tensor& loss, const torch::Tensor& gradient_norm,
                         const std::optional<MemoryDiagnostics>& diagnostics,
                         const std::vector<AnswerReading>& answers);

/// The same for a validation, which ends with one number.
double synchronise(const torch::Tensor& loss);

/// The same for a validation of a task.
TaskMetrics synchronise(const std::vector<AnswerReading>& answers);

}  // namespace infini
