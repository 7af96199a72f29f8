#pragma once

#include <torch/torch.h>

#include <optional>
#include <vector>

#include "model/reading.h"
#include "objective/answer_reading.h"
#include "train/ranks.h"

namespace infini {

/// The numbers of one step, on the host.
struct StepReadings {
  double loss = 0.0;                     ///< nats per token
  double gradient_norm = 0.0;            ///< before clipping
  std::optional<double> auxiliary_loss;  ///< per token, if the model has such a loss
  std::optional<AnswerMetrics> answers;  ///< if the batches have answers
  std::vector<Reading> heads;            ///< of the layers' heads; empty if not measured

  /// Whether loss and gradient are finite.
  bool finite() const;
};

/// The same on the device.
struct DeviceStepReadings {
  torch::Tensor loss, gradient_norm;        ///< scalars
  torch::Tensor auxiliary_loss = {};        ///< a scalar, or undefined
  std::vector<AnswerReading> answers = {};  ///< of all batches of the step
  std::vector<DeviceReading> heads = {};
};

/// The only place where a training step waits for the device: it copies all numbers to the host in one transfer. Sums
/// the losses and the answers over the ranks.
StepReadings synchronise(const DeviceStepReadings& step, const Ranks& ranks);

}  // namespace infini
