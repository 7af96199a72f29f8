#pragma once

#include <torch/torch.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "model/causal_language_model.h"

namespace infini {

/// A model of a few thousand parameters in double. Its weights are so large that every part changes the result.
inline std::shared_ptr<CausalLanguageModel> small_model(const std::string& update, int64_t segment_length = 8,
                                                        int64_t vocab_size = 40, int64_t short_convolution = 0) {
  torch::set_num_threads(1);  // the work is too small to share
  torch::manual_seed(7);
  ModelConfig config;
  config.vocab_size = vocab_size;
  config.hidden_size = 24;
  config.intermediate_size = 32;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 6;
  config.initializer_range = 0.4;
  config.tie_word_embeddings = false;
  config.short_convolution = short_convolution;
  config.memory = {segment_length, update};
  auto model = std::make_shared<CausalLanguageModel>(config, 0.3);
  model->to(torch::kFloat64);
  model->set_compute_dtype(torch::kFloat64);
  return model;
}

inline std::vector<int64_t> random_tokens(int64_t count, int64_t seed = 1, int64_t vocab_size = 40) {
  torch::manual_seed(seed);
  const torch::Tensor tokens = torch::randint(vocab_size, {count}, torch::kInt64);
  return {tokens.const_data_ptr<int64_t>(), tokens.const_data_ptr<int64_t>() + count};
}

inline torch::Tensor as_row(const std::vector<int64_t>& tokens) {
  return torch::tensor(tokens, torch::kInt64).unsqueeze(0);
}

/// Negative log-likelihoods of tokens 1 … N−1 from one forward pass over all of them and a plain log-softmax.
inline std::vector<double> plain_losses(CausalLanguageModel& model, const std::vector<int64_t>& tokens) {
  torch::NoGradGuard no_gradient;
  const torch::Tensor row = as_row(tokens);
  const int64_t count = row.size(1) - 1;
  const torch::Tensor hidden = model.forward(row.slice(1, 0, count), model.empty_state(1)).hidden;
  const torch::Tensor logits = model.logits(hidden).to(torch::kFloat64)[0];
  std::vector<double> losses;
  for (int64_t i = 0; i < count; ++i) {
    double sum = 0;
    for (int64_t token = 0; token < logits.size(1); ++token) sum += std::exp(logits[i][token].item<double>());
    losses.push_back(std::log(sum) - logits[i][tokens[i + 1]].item<double>());
  }
  return losses;
}

}  // namespace infini
