// Compares the kinds of context memory with numbers from plain PyTorch (make_baseline_numbers.py).
#include "model/baseline_numbers.h"

#include <gtest/gtest.h>

#include "model/loading.h"
#include "model/tiny_model.h"

namespace infini {
namespace {

using torch::Tensor;

constexpr int64_t kRows = 2, kTokens = 23, kVocabulary = 19, kHidden = 8;
// Relative to the norm of what is compared.
constexpr double kTolerance = 1e-9;

ModelConfig baseline_config(const std::string& kind, bool tied, int64_t segment_length = 5) {
  ModelConfig config = tiny_config("none", segment_length);
  config.vocab_size = kVocabulary;
  config.hidden_size = kHidden;
  config.intermediate_size = 12;
  config.rope_theta = 500;
  config.tie_word_embeddings = tied;
  config.memory.kind = kind;
  return config;
}

// The formulas in make_baseline_numbers.py, the weights over the sorted names.
std::shared_ptr<CausalLanguageModel> waves(const ModelConfig& config) {
  const auto model = CausalLanguageModel::uninitialized(config, torch::kFloat64);
  model->set_compute_dtype(torch::kFloat64);
  const torch::NoGradGuard no_graph;
  double index = 0;
  for (const auto& [name, parameter] : model_weights(*model)) {
    const Tensor i = torch::arange(parameter.numel(), torch::kFloat64);
    const Tensor wave = (1.37 * i * i + index++).sin().view(parameter.sizes());
    parameter.copy_(name.ends_with("norm.weight") ? 1 + 0.2 * wave : 0.4 * wave);
  }
  return model;
}

Tensor row_numbers() { return torch::arange(kRows, torch::kInt64).unsqueeze(1); }
Tensor token_numbers() { return torch::arange(kTokens, torch::kInt64).unsqueeze(0); }

Tensor tokens() {
  const Tensor r = row_numbers(), i = token_numbers();
  return (7 * i * i + 3 * i + 1 + r * (11 * i + 4)).remainder(kVocabulary);
}

Tensor targets() {
  const Tensor r = row_numbers(), i = token_numbers();
  return (11 * i * i + 5 * i + 2 + 3 * r * i).remainder(kVocabulary).masked_fill((i + r).remainder(6) == 4, -1);
}

// In row 1 a document begins with segment `start`.
SegmentMarks marks(const ModelConfig& config, int64_t start) {
  const int64_t length = config.memory.segment_length;
  const Tensor starts = torch::zeros({kRows, (kTokens + length - 1) / length}, torch::kBool);
  starts[1][start] = true;
  return {starts};
}

void expect_gradient(const std::string& name, const Tensor& gradient, const std::array<double, 3>& expected) {
  ASSERT_TRUE(gradient.defined()) << name;
  const Tensor flat = gradient.flatten(), i = torch::arange(flat.numel(), torch::kFloat64);
  const double scale = expected[2] * std::sqrt(static_cast<double>(flat.numel()));
  EXPECT_NEAR(flat.dot((0.7 * i + 1).sin()).item<double>(), expected[0], kTolerance * scale) << name;
  EXPECT_NEAR(flat.dot((1.1 * i * i).cos()).item<double>(), expected[1], kTolerance * scale) << name;
  EXPECT_NEAR(flat.norm().item<double>(), expected[2], kTolerance * expected[2]) << name;
}

void expect_numbers(const ModelConfig& config, int64_t start, const reference::BaselineNumbers& expected) {
  const auto model = waves(config);
  const ForwardResult result = model->forward(tokens(), model->empty_state(kRows), marks(config, start));
  const Tensor hidden = torch::tensor(expected.hidden, torch::kFloat64).view({kRows, kTokens, kHidden});
  EXPECT_LT(distance(result.hidden, hidden), kTolerance * hidden.abs().max().item<double>());

  Tensor loss = model->loss(result.hidden, targets());
  EXPECT_NEAR(loss.item<double>(), expected.loss, kTolerance * expected.loss);
  EXPECT_EQ(result.auxiliary_loss.defined(), expected.auxiliary_loss != 0);
  if (result.auxiliary_loss.defined()) {
    EXPECT_NEAR(result.auxiliary_loss.item<double>(), expected.auxiliary_loss, kTolerance * expected.auxiliary_loss);
    loss = loss + result.auxiliary_loss;
  }
  loss.backward();

  const auto parameters = model->named_parameters();
  EXPECT_EQ(parameters.size(), expected.gradients.size());
  for (const auto& [name, products] : expected.gradients) {
    const Tensor* parameter = parameters.find(name);
    ASSERT_NE(parameter, nullptr) << name;
    expect_gradient(name, parameter->grad(), products);
  }
}

TEST(BaselineNumbers, TransformerXlIsThatOfTheReference) {
  ModelConfig config = baseline_config("transformer_xl", false);
  config.memory.cache_length = 7;
  expect_numbers(config, 2, reference::kTransformerXl);
}

TEST(BaselineNumbers, CompressiveTransformerIsThatOfTheReference) {
  ModelConfig config = baseline_config("compressive", true, 4);
  config.memory.cache_length = 6;
  config.memory.compressed_length = 3;
  config.memory.compression_rate = 2;
  expect_numbers(config, 2, reference::kCompressive);
}

TEST(BaselineNumbers, MemorizingTransformerIsThatOfTheReference) {
  ModelConfig config = baseline_config("memorizing", false);
  config.memory.cache_length = 7;
  config.memory.layer = 1;
  config.memory.slots = 12;
  config.memory.neighbours = 7;
  expect_numbers(config, 2, reference::kMemorizing);
}

TEST(BaselineNumbers, TransformerXlWithAShortConvolutionIsThatOfTheReference) {
  ModelConfig config = baseline_config("transformer_xl", false);
  config.memory.cache_length = 7;
  config.short_convolution = 4;
  expect_numbers(config, 2, reference::kTransformerXlWithConvolution);
}

TEST(BaselineNumbers, MemorizingTransformerWithAConvolutionWiderThanASegmentIsThatOfTheReference) {
  ModelConfig config = baseline_config("memorizing", true);
  config.memory.cache_length = 7;
  config.memory.layer = 1;
  config.memory.slots = 12;
  config.memory.neighbours = 7;
  config.short_convolution = 7;
  expect_numbers(config, 2, reference::kMemorizingWithConvolution);
}

TEST(BaselineNumbers, RecurrentMemoryTransformerIsThatOfTheReference) {
  ModelConfig config = baseline_config("rmt", false);
  config.memory.memory_tokens = 3;
  expect_numbers(config, 2, reference::kRecurrentMemory);
}

TEST(BaselineNumbers, AutocompressorIsThatOfTheReference) {
  ModelConfig config = baseline_config("autocompressors", true);
  config.memory.summary_tokens = 2;
  expect_numbers(config, 1, reference::kAutocompressor);
}

}  // namespace
}  // namespace infini
