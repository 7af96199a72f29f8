#include <gtest/gtest.h>

#include "train/backpropagation.h"
#include "train/gradient_clipping.h"
#include "train/optimizer.h"

// A tensor on the meta device has no values. If a step runs there, it reads no value and makes no tensor on another
// device. A step on a GPU must not do these things either.
namespace infini {
namespace {

class MetaStepTest : public ::testing::TestWithParam<std::tuple<std::string, std::string, torch::Dtype>> {};

TEST_P(MetaStepTest, RunsUpToTheSynchronisationPoint) {
  const auto& [optimizer_name, update, compute_dtype] = GetParam();
  ModelConfig config;
  config.vocab_size = 50;
  config.hidden_size = 32;
  config.intermediate_size = 48;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 8;
  config.memory = {16, update};
  const auto meta = torch::TensorOptions(torch::kMeta);
  const auto owner = CausalLanguageModel::uninitialized(config, meta.dtype(torch::kFloat32));
  CausalLanguageModel& model = *owner;
  model.set_compute_dtype(compute_dtype);
  OptimizerConfig optimizer_config;
  optimizer_config.name = optimizer_name;
  const auto optimizer =
      make_optimizer(parameter_groups(model, optimizer_config, default_parameter_rules()), optimizer_config);

  TrainingBatch batch;
  batch.tokens = torch::empty({2, 80}, meta.dtype(torch::kInt64));
  batch.targets = torch::empty({2, 80}, meta.dtype(torch::kInt64));
  batch.starts = torch::empty({2, 5}, meta.dtype(torch::kBool));

  zero_gradients(model);
  const BackpropagationResult result =
      backpropagate(model, batch, model.empty_state(2), 160, {2, BorderStates::device});
  const torch::Tensor norm = sum_and_clip_gradients(gradients(model), 1.0, {});
  optimizer->step(0.5);

  EXPECT_TRUE(result.loss.is_meta());
  EXPECT_TRUE(norm.is_meta());
  for (const auto& [name, tensor] : result.state.tensors) EXPECT_TRUE(tensor.value.is_meta()) << name;
  for (const auto& [name, tensor] : optimizer->state()) {
    EXPECT_TRUE(tensor.is_meta() || name == "updates") << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Both, MetaStepTest,
                         ::testing::Combine(::testing::Values("adamw", "adafactor"),
                                            ::testing::Values("linear", "delta", "none"),
                                            ::testing::Values(torch::kFloat32, torch::kBFloat16)));

}  // namespace
}  // namespace infini
