#pragma once

#include <torch/torch.h>

#include <vector>

#include "model/memory_diagnostics.h"

namespace infini {

/// What the host learns of one step.
struct StepReadings {
  double loss = 0.0;                                     ///< nats a token
  double gradient_norm = 0.0;                            ///< before clipping
  std::vector<std::vector<double>> gates, memory_share;  ///< [layers][H]; empty where they were not asked for

  /// Neither loss nor gradient is infinite or NaN.
  bool finite() const;
};

/// The one synchronisation point of a training step: copies everything to the host in one transfer and waits for it.
/// loss and gradient_norm are scalars on the device.
StepReadings synchronise(const torch::Tensor& loss, const torch::Tensor& gradient_norm,
                         const std::optional<MemoryDiagnostics>& diagnostics);

/// The same for a validation, which ends with one number.
double synchronise(const torch::Tensor& loss);

}  // namespace infini
