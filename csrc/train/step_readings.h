#pragma once

#include <torch/torch.h>

#include <optional>
#include <vector>

#include "model/memory_diagnostics.h"
#include "objective/answer_reading.h"
#include "train/ranks.h"

namespace infini {

/// What the host learns of one step.
struct StepReadings {
  double loss = 0.0;                                     ///< nats a token
  double gradient_norm = 0.0;                            ///< before clipping
  std::optional<AnswerMetrics> answers;                  ///< where the batches have answers
  std::vector<std::vector<double>> gates, memory_share;  ///< [layers][H]; empty where they were not asked for

  /// Neither loss nor gradient is infinite or NaN.
  bool finite() const;
};

/// The one synchronisation point of a training step: copies everything to the host in one transfer and waits for it.
/// The loss and the answers are summed over the ranks. loss and gradient_norm are scalars on the device; `answers` are
/// those of the step's batches; `diagnostics` may be null.
StepReadings synchronise(const torch::Tensor& loss, const torch::Tensor& gradient_norm,
                         const MemoryDiagnostics* diagnostics, const std::vector<AnswerReading>& answers,
                         const Ranks& ranks);

}  // namespace infini
