// Compares the Llama layout with numbers from transformers (make_reference_numbers.py).
#include "model/reference_numbers.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "model/loading.h"
#include "model/tiny_model.h"

namespace infini {
namespace {

using torch::Tensor;

ModelConfig reference_config() {
  ModelConfig config;
  config.vocab_size = 19;
  config.hidden_size = 16;
  config.intermediate_size = 24;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 6;
  config.max_position_embeddings = 64;
  config.rope_theta = 500;
  return config;
}

Tensor reference_tokens(int64_t count, int64_t vocabulary) {
  const Tensor i = torch::arange(count, torch::kInt64);
  return (7 * i * i + 3 * i + 1).remainder(vocabulary).unsqueeze(0);
}

// The formula in make_reference_numbers.py, over the sorted names.
std::shared_ptr<CausalLanguageModel> waves(const ModelConfig& config) {
  const auto model = CausalLanguageModel::uninitialized(config, torch::kFloat64);
  model->set_compute_dtype(torch::kFloat64);
  double index = 0;
  for (const auto& [name, parameter] : model_weights(*model)) {
    const Tensor i = torch::arange(parameter.numel(), torch::kFloat64);
    const Tensor wave = (1.37 * i * i + index++).sin().view(parameter.sizes());
    parameter.copy_(name.ends_with("norm.weight") ? 1 + 0.2 * wave : 0.4 * wave);
  }
  return model;
}

Tensor logits(CausalLanguageModel& model, const Tensor& tokens) {
  const torch::NoGradGuard no_graph;
  return model.logits(model.forward(tokens, model.empty_state(1)).hidden);
}

Tensor as_tensor(const std::vector<double>& values, torch::IntArrayRef shape) {
  return torch::tensor(values, torch::kFloat64).view(shape);
}

TEST(ReferenceNumbers, LlamaWithBiasesGivesTheLogitsOfTransformers) {
  ModelConfig config = reference_config();
  config.attention_bias = config.mlp_bias = true;
  config.tie_word_embeddings = false;
  // transformers computes the rotary angles in float32.
  EXPECT_LT(distance(logits(*waves(config), reference_tokens(11, 19)), as_tensor(reference::kLlamaLogits, {1, 11, 19})),
            2e-5);
}

TEST(ReferenceNumbers, NormedHeadsAndTiedEmbeddingsGiveTheLogitsOfTransformers) {
  ModelConfig config = reference_config();
  config.qk_norm = true;
  config.tie_word_embeddings = true;
  EXPECT_LT(
      distance(logits(*waves(config), reference_tokens(11, 19)), as_tensor(reference::kNormedHeadsLogits, {1, 11, 19})),
      2e-5);
}

TEST(ReferenceNumbers, AMemoryThatIsStillEmptyChangesNothing) {
  ModelConfig config = reference_config();
  config.attention_bias = config.mlp_bias = true;
  config.tie_word_embeddings = false;
  const auto plain = waves(config);
  config.memory = {11, "delta"};
  const auto model = CausalLanguageModel::uninitialized(config, torch::kFloat64);
  model->set_compute_dtype(torch::kFloat64);
  set_model_weights(*model, model_weights(*plain), "plain", 0.5);
  EXPECT_LT(distance(logits(*model, reference_tokens(11, 19)), as_tensor(reference::kLlamaLogits, {1, 11, 19})), 2e-5);
}

TEST(ReferenceNumbers, Stories260KGivesTheNumbersOfTransformers) {
  const char* shared = std::getenv("INFINI_SHARED_DATA");
  const std::filesystem::path folder =
      std::filesystem::path(shared != nullptr ? shared : "../shared/data") / "checkpoints/stories260K/hf";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no " << folder << "; set INFINI_SHARED_DATA";
  const auto model = load_model(folder, torch::kCPU, torch::kFloat32);
  const Tensor tokens = reference_tokens(96, 512);
  const Tensor all = logits(*model, tokens);
  EXPECT_LT(distance(all[0][-1], as_tensor(reference::kStoriesLastLogits, {512})), 1e-3);

  const torch::NoGradGuard no_graph;
  const Tensor hidden = model->forward(tokens, model->empty_state(1)).hidden;
  const Tensor losses = model->token_losses(hidden.narrow(1, 0, 95), tokens.narrow(1, 1, 95));
  EXPECT_LT(distance(losses[0], as_tensor(reference::kStoriesLosses, {95})), 1e-3);
}

}  // namespace
}  // namespace infini
