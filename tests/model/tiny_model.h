#pragma once

#include <torch/torch.h>

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "model/causal_language_model.h"

namespace infini {

/// Two layers, four query heads on two key/value heads; a few thousand parameters.
inline ModelConfig tiny_config(const std::string& update, int64_t segment_length = 5) {
  ModelConfig config;
  config.vocab_size = 23;
  config.hidden_size = 12;
  config.intermediate_size = 20;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 6;
  config.max_position_embeddings = 64;
  config.initializer_range = 0.3;
  config.memory = {segment_length, update};
  return config;
}

/// All in double. Norms and gates do not keep their constant initial values, so each of them changes the result.
inline std::shared_ptr<CausalLanguageModel> double_model(const ModelConfig& config, uint64_t seed = 1) {
  torch::manual_seed(seed);
  auto model = std::make_shared<CausalLanguageModel>(config);
  model->to(torch::kFloat64);
  model->set_compute_dtype(torch::kFloat64);
  const torch::NoGradGuard no_graph;
  for (auto& parameter : model->parameters()) {
    if (parameter.dim() == 1) parameter.add_(torch::randn_like(parameter), 0.3);
  }
  return model;
}

inline torch::Tensor random_tokens(int64_t rows, int64_t count, int64_t vocabulary = 23, uint64_t seed = 2) {
  torch::manual_seed(seed);
  return torch::randint(vocabulary, {rows, count}, torch::kInt64);
}

/// The tensors of a state, in the order of their names.
inline std::vector<torch::Tensor> values_of(const ContextState& state) {
  std::vector<torch::Tensor> values;
  for (const auto& [name, tensor] : state.tensors) values.push_back(tensor.value);
  return values;
}

/// The largest absolute difference.
inline double distance(const torch::Tensor& a, const torch::Tensor& b) {
  if (a.sizes() != b.sizes()) return std::numeric_limits<double>::infinity();
  if (a.numel() == 0) return 0;
  return (a.to(torch::kFloat64) - b.to(torch::kFloat64)).abs().max().item<double>();
}

}  // namespace infini
