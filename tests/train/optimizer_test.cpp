#include "train/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "log/error.h"
#include "model/causal_language_model.h"
#include "train/reference_numbers.h"

namespace infini {
namespace {

using torch::Tensor;

/// The parameters and gradients of make_reference_numbers.py.
class ReferenceModule : public torch::nn::Module {
 public:
  explicit ReferenceModule(torch::Device device = torch::kCPU) {
    for (const auto& [name, shape] : shapes()) {
      register_parameter(name, start(name, shape).to(device));
    }
  }

  void set_gradients(int64_t step) {
    for (const auto& [name, shape] : shapes()) {
      Tensor index =
          torch::arange(numel(shape), torch::kFloat64) * 1.3 + 0.9 * static_cast<double>(step) + offset(name);
      Tensor parameter = named_parameters()[name];
      parameter.mutable_grad() = (torch::cos(index) * (step == 3 ? 8.0 : 0.5)).reshape(shape).to(parameter.device());
    }
  }

 private:
  static std::vector<std::pair<std::string, std::vector<int64_t>>> shapes() {
    return {{"matrix", {3, 4}}, {"norm", {5}}, {"memory_gate", {2}}};
  }
  static int64_t numel(const std::vector<int64_t>& shape) { return c10::multiply_integers(shape); }
  /// The names in the script are matrix, norm and gate.
  static double offset(const std::string& name) { return name == "matrix" ? 6 : 4; }
  static Tensor start(const std::string& name, const std::vector<int64_t>& shape) {
    return (torch::sin(torch::arange(numel(shape), torch::kFloat64) * 0.7 + offset(name)) * 0.8).reshape(shape);
  }
};

void run_steps(ReferenceModule& module, Optimizer& optimizer, int64_t first, int64_t last) {
  for (int64_t step = first; step <= last; ++step) {
    module.set_gradients(step);
    optimizer.step(static_cast<double>(step) / 5.0);
  }
}

/// The rules of the reference: the gate has its own rate, and only matrices decay.
std::unique_ptr<Optimizer> optimizer_of(const ReferenceModule& module, const OptimizerConfig& config) {
  return make_optimizer(parameter_groups(module, config, {{"memory_gate", 0.3, 0.0}, {"norm", {}, 0.0}}), config);
}

OptimizerConfig adamw() {
  OptimizerConfig config;
  config.name = "adamw";
  config.learning_rate = 0.02;
  config.weight_decay = 0.1;
  config.beta1 = 0.9;
  config.beta2 = 0.95;
  return config;
}

OptimizerConfig adafactor(bool scale_parameter, double clipping_threshold) {
  OptimizerConfig config;
  config.name = "adafactor";
  config.learning_rate = 0.02;
  config.weight_decay = 0.1;
  config.scale_parameter = scale_parameter;
  config.clipping_threshold = clipping_threshold;
  return config;
}

void expect_values(const ReferenceModule& module, const std::string& name, const std::vector<double>& expected) {
  const Tensor flat = module.named_parameters()[name].detach().flatten();
  ASSERT_EQ(flat.numel(), static_cast<int64_t>(expected.size()));
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(flat[static_cast<int64_t>(i)].item<double>(), expected[i], 1e-6) << name << " " << i;
  }
}

TEST(AdamWTest, GivesTheNumbersOfPyTorch) {
  ReferenceModule module;
  const auto optimizer = optimizer_of(module, adamw());
  run_steps(module, *optimizer, 1, 5);
  expect_values(module, "matrix", reference::kAdamWMatrix);
  expect_values(module, "norm", reference::kAdamWNorm);
  expect_values(module, "memory_gate", reference::kAdamWGate);
}

TEST(AdafactorTest, GivesTheNumbersOfTransformersWithRatesRelativeToTheParameter) {
  ReferenceModule module;
  const auto optimizer = optimizer_of(module, adafactor(true, 1.0));
  run_steps(module, *optimizer, 1, 5);
  expect_values(module, "matrix", reference::kAdafactorScaledMatrix);
  expect_values(module, "norm", reference::kAdafactorScaledNorm);
  expect_values(module, "memory_gate", reference::kAdafactorScaledGate);
}

TEST(AdafactorTest, GivesTheNumbersOfTransformersWithPlainRatesAndTighterClipping) {
  ReferenceModule module;
  const auto optimizer = optimizer_of(module, adafactor(false, 0.7));
  run_steps(module, *optimizer, 1, 5);
  expect_values(module, "matrix", reference::kAdafactorPlainMatrix);
  expect_values(module, "norm", reference::kAdafactorPlainNorm);
  expect_values(module, "memory_gate", reference::kAdafactorPlainGate);
}

TEST(AdafactorTest, MovesAGateThatBeginsAtZero) {
  ReferenceModule module;
  {
    const torch::NoGradGuard no_graph;
    module.named_parameters()["memory_gate"].zero_();
  }
  const auto optimizer = optimizer_of(module, adafactor(true, 1.0));
  module.set_gradients(1);
  optimizer->step(0.2);
  EXPECT_GT(module.named_parameters()["memory_gate"].abs().max().item<double>(), 0.01);
}

TEST(AdafactorTest, KeepsOnlyRowsAndColumnsOfAMatrix) {
  ReferenceModule module;
  const NamedTensors state = optimizer_of(module, adafactor(true, 1.0))->state();
  EXPECT_EQ(state.at("row_second_moment.matrix").sizes(), torch::IntArrayRef({3}));
  EXPECT_EQ(state.at("column_second_moment.matrix").sizes(), torch::IntArrayRef({4}));
  EXPECT_FALSE(state.contains("second_moment.matrix"));
}

class OptimizerTest : public ::testing::TestWithParam<OptimizerConfig> {};

TEST_P(OptimizerTest, ContinuesBitForBitFromASavedState) {
  ReferenceModule whole;
  const auto undisturbed = optimizer_of(whole, GetParam());
  run_steps(whole, *undisturbed, 1, 5);

  ReferenceModule first;
  const auto before = optimizer_of(first, GetParam());
  run_steps(first, *before, 1, 2);
  ReferenceModule second;
  const auto after = optimizer_of(second, GetParam());
  {
    const torch::NoGradGuard no_graph;
    for (const auto& item : first.named_parameters()) second.named_parameters()[item.key()].copy_(item.value());
  }
  after->load_state(before->state(), "checkpoint");
  run_steps(second, *after, 3, 5);

  for (const auto& item : whole.named_parameters()) {
    EXPECT_TRUE(torch::equal(item.value(), second.named_parameters()[item.key()])) << item.key();
  }
}

TEST_P(OptimizerTest, RefusesTheStateOfAnotherOptimizer) {
  ReferenceModule module;
  const auto optimizer = optimizer_of(module, GetParam());
  const auto other = optimizer_of(module, GetParam().name == "adamw" ? adafactor(true, 1.0) : adamw());
  try {
    optimizer->load_state(other->state(), "step-5");
    FAIL() << "nothing was thrown";
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("step-5"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("_moment."), std::string::npos) << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(Both, OptimizerTest, ::testing::Values(adamw(), adafactor(true, 1.0)),
                         [](const auto& info) { return info.param.name; });

TEST(ParameterGroups, FollowTheFirstRuleThatMatches) {
  const OptimizerConfig config{.learning_rate = 0.5, .weight_decay = 0.1};
  const auto groups = parameter_groups(
      ReferenceModule(), config,
      {{"memory*", 0.3, 0.0}, {"*gate", 9.0, 9.0}, {.match = "nor?", .weight_decay = 0.0}, {"nothing", 1.0, 1.0}});
  ASSERT_EQ(groups.size(), 3u) << "rules without a parameter are left out";
  EXPECT_EQ(groups[0].names, std::vector<std::string>{"memory_gate"});
  EXPECT_EQ(groups[0].learning_rate, 0.3);
  EXPECT_EQ(groups[0].weight_decay, 0.0);
  EXPECT_TRUE(groups[0].own_rate);
  EXPECT_EQ(groups[0].parameter_count(), 2);
  EXPECT_EQ(groups[1].names, std::vector<std::string>{"norm"});
  EXPECT_EQ(groups[1].learning_rate, 0.5);
  EXPECT_EQ(groups[1].weight_decay, 0.0);
  EXPECT_EQ(groups[2].names, std::vector<std::string>{"matrix"});
  EXPECT_EQ(groups[2].match, "*");
  EXPECT_EQ(groups[2].weight_decay, 0.1);
  EXPECT_FALSE(groups[1].own_rate || groups[2].own_rate);
}

TEST(ParameterGroups, TheBuiltInRulesLetMatricesAloneDecay) {
  ModelConfig config;
  config.hidden_size = config.intermediate_size = config.head_dim = 8;
  config.num_hidden_layers = config.num_attention_heads = config.num_key_value_heads = 1;
  config.qk_norm = config.attention_bias = true;
  config.short_convolution = 3;
  config.memory = {4, "linear"};
  const CausalLanguageModel model(config);
  for (const ParameterGroup& group : parameter_groups(model, {.weight_decay = 0.1}, default_parameter_rules())) {
    for (const torch::Tensor& parameter : group.parameters) {
      // The taps of a convolution have three dimensions.
      EXPECT_EQ(group.weight_decay, parameter.dim() == 2 ? 0.1 : 0.0) << group.names.front();
    }
    EXPECT_EQ(group.own_rate, group.match == "*.memory_gate");
  }
}

TEST(ParameterGroups, AFrozenParameterHasNoGradientNoStateAndNoDecay) {
  for (const OptimizerConfig& config : {adamw(), adafactor(true, 1.0)}) {
    ReferenceModule module;
    const auto groups = parameter_groups(module, config, {{.match = "norm", .trainable = false}});
    const auto optimizer = make_optimizer(groups, config);
    zero_gradients(module);
    EXPECT_FALSE(module.named_parameters()["norm"].grad().defined());
    EXPECT_EQ(gradients(module).size(), 2u);
    for (const auto& [name, tensor] : optimizer->state()) EXPECT_FALSE(name.ends_with(".norm")) << name;
    const Tensor before = module.named_parameters()["norm"].clone(),
                 moving = module.named_parameters()["matrix"].clone();
    for (const char* const name : {"matrix", "memory_gate"}) module.named_parameters()[name].grad().fill_(0.5);
    optimizer->step(1.0);
    EXPECT_TRUE(torch::equal(module.named_parameters()["norm"], before));
    EXPECT_FALSE(torch::equal(module.named_parameters()["matrix"], moving));
  }
}

TEST(ParameterGroups, OneOfThemMustBeTrainable) {
  const ReferenceModule module;
  EXPECT_THROW(make_optimizer(parameter_groups(module, adamw(), {{.match = "*", .trainable = false}}), adamw()),
               UserError);
}

}  // namespace
}  // namespace infini
