#include "train/step_readings.h"

#include <cmath>

namespace infini {

bool StepReadings::finite() const { return std::isfinite(loss) && std::isfinite(gradient_norm); }

StepReadings synchronise(const DeviceStepReadings& step, const Ranks& ranks) {
  std::vector<torch::Tensor> tensors{ranks.sum(step.loss), step.gradient_norm};
  if (step.auxiliary_loss.defined()) tensors.push_back(ranks.sum(step.auxiliary_loss));
  torch::Tensor answers;
  if (!step.answers.empty()) tensors.push_back(answers = ranks.sum(answer_totals(step.answers)));
  for (const DeviceReading& reading : step.heads) tensors.push_back(reading.values);
  const torch::Tensor values = copy_to_host(tensors);

  const double* next = values.const_data_ptr<double>();
  StepReadings readings;
  readings.loss = *next++;
  readings.gradient_norm = *next++;
  if (step.auxiliary_loss.defined()) readings.auxiliary_loss = *next++;
  if (answers.defined()) {
    readings.answers = answer_metrics(next);
    next += answers.numel();
  }
  readings.heads = take_readings(step.heads, next);
  return readings;
}

}  // namespace infini
