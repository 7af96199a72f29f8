#pragma once

#include <torch/torch.h>

#include <memory>

#include "model/causal_language_model.h"
#include "objective/training_batch.h"
#include "train/optimizer.h"
#include "train/train_config.h"

namespace infini {

/// A model with random weights, and one training step: gradients of whole sequences chunk by chunk, clipping, one copy
/// of the step's numbers to the host, then the optimiser. Every step uses the same made-up batch.
class TrainingStep {
 public:
  /// The model computes in `dtype`. Weights and optimiser stay in float32.
  TrainingStep(const TrainConfig& config, torch::Device device, torch::Dtype dtype);

  /// Returns the loss, in nats per token.
  double run();

 private:
  TrainConfig config_;
  std::shared_ptr<CausalLanguageModel> model_;
  std::unique_ptr<Optimizer> optimizer_;
  TrainingBatch batch_;
};

}  // namespace infini
