#pragma once

#include <torch/torch.h>

#include <optional>
#include <vector>

#include "model/memory_diagnostics.h"
#include "objective/answer_reading.h"
#include "train/ranks.h"

namespace infini {

/// The numbers of one step, on the host.
struct StepReadings {
  double loss = 0.0;                                     ///< nats per token
  double gradient_norm = 0.0;                            ///< before clipping
  std::optional<AnswerMetrics> answers;                  ///< if the batches have answers
  std::vector<std::vector<double>> gates, memory_share;  ///< [layers][H]; empty if not measured

  /// Whether loss and gradient are finite.
  bool finite() const;
};

/// The only place where a training step waits for the device: it copies all numbers to the host in one transfer. Sums
/// the loss and the answers over the ranks. loss and gradient_norm are scalars on the device. `answers` has the answers
/// of all batches of the step. `diagnostics` may be null.
StepReadings synchronise(const torch::Tensor& loss, const torch::Tensor& gradient_norm,
                         const MemoryDiagnostics* diagnostics, const std::vector<AnswerReading>& answers,
                         const Ranks& ranks);

}  // namespace infini
