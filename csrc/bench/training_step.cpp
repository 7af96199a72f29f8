#include "bench/training_step.h"

#include "train/backpropagation.h"
#include "train/gradient_clipping.h"
#include "train/step_readings.h"

namespace infini {

TrainingStep::TrainingStep(const TrainConfig& config, torch::Device device, torch::Dtype dtype)
    : config_(config), model_(std::make_shared<CausalLanguageModel>(config.model, config.gate.initial_beta)) {
  model_->to(device);
  model_->set_compute_dtype(dtype);
  optimizer_ = make_optimizer(parameter_groups(*model_, config.optimizer, config.parameters), config.optimizer);

  const int64_t rows = config.batch_rows, length = config.train_length;
  const auto integers = torch::TensorOptions(device).dtype(torch::kInt64);
  batch_.tokens = torch::randint(config.model.vocab_size, {rows, length}, integers);
  batch_.targets = batch_.tokens.roll(-1, 1);
  batch_.target_count = rows * length;
  if (const int64_t segment_length = config.model.memory.segment_length; segment_length > 0) {
    const int64_t segments = (length + segment_length - 1) / segment_length;
    batch_.starts = torch::zeros({rows, segments}, integers.dtype(torch::kBool));
    batch_.starts.select(1, 0).fill_(true);
  }
}

double TrainingStep::run() {
  const BackpropagationOptions options = backpropagation_options(config_);
  zero_gradients(*model_);
  torch::Tensor loss;
  for (int64_t i = 0; i < config_.accumulation; ++i) {
    const ContextState empty = model_->empty_state(config_.batch_rows);
    const int64_t targets = batch_.target_count * config_.accumulation;
    const BackpropagationResult result = backpropagate(*model_, batch_, empty, targets, options);
    loss = loss.defined() ? loss + result.loss : result.loss;
  }
  const torch::Tensor norm = sum_and_clip_gradients(gradients(*model_), config_.gradient_clip, {});
  const StepReadings readings = synchronise({.loss = loss, .gradient_norm = norm}, {});
  optimizer_->step(/*rate_fraction=*/1.0);
  return readings.loss;
}

}  // namespace infini
