#pragma once

#include <torch/torch.h>

#include <memory>

#include "model/causal_language_model.h"
#include "objective/training_batch.h"
#include "train/optimizer.h"
#include "train/train_config.h"

namespace infini {

/// A model with random weights, and the step that training repeats: gradients of whole sequences, chunk by chunk,
/// clipping, one copy of the readings to the host, the optimiser. The batch is made up and stays the same.
class TrainingStep {
 public:
  /// `dtype` is what the model computes in; weights and optimiser stay in float32.
  TrainingStep(const TrainConfig& config, torch::Device device, torch::Dtype dtype);

  /// Returns the loss, nats a token.
  double run();

 private:
  TrainConfig config_;
  std::shared_ptr<CausalLanguageModel> model_;
  std::unique_ptr<Optimizer> optimizer_;
  TrainingBatch batch_;
};

}  // namespace infini
