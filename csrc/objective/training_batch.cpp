#include "objective/training_batch.h"

namespace infini {

TrainingBatch to_device(const TrainingBatch& batch, torch::Device device) {
  TrainingBatch result = batch;
  for (torch::Tensor* const tensor :
       {&result.tokens, &result.targets, &result.starts, &result.weights, &result.gain, &result.answers}) {
    if (!tensor->defined()) continue;
    *tensor = (device.is_cuda() ? tensor->pin_memory() : *tensor).to(device, /*non_blocking=*/true);
  }
  return result;
}

}  // namespace infini
