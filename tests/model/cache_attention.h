#pragma once

#include <torch/torch.h>

#include <algorithm>

#include "model/causal_language_model.h"
#include "model/decoder.h"
#include "model/layer_attention.h"

namespace infini {

/// A made-up kind of memory, in no table: each layer keeps the keys and values of all segments before, and attends to
/// them. They grow, no gradient passes through them, and the memory has a loss of its own, Σ k². Positions are left
/// out.
class CacheAttention : public LayerAttention {
 public:
  using LayerAttention::LayerAttention;

  torch::Tensor forward(const torch::Tensor& x, ContextState& state, Pass& pass) const override {
    const auto [q, k, v] = project(x, state, pass);
    torch::Tensor &keys = state[state_name("keys")], &values = state[state_name("values")];
    std::vector<torch::Tensor> attended;
    for (int64_t begin = 0; begin < q.size(2); begin += pass.segments.length) {
      const int64_t count = std::min(pass.segments.length, q.size(2) - begin);
      const auto with = [&](const torch::Tensor& kept, const torch::Tensor& fresh) {
        return torch::cat({kept, fresh.narrow(2, begin, count)}, 2);
      };
      const torch::Tensor all_keys = with(keys, k), all_values = with(values, v);
      const torch::Tensor visible = torch::ones({count, all_keys.size(2)}, torch::kBool).tril(all_keys.size(2) - count);
      const auto for_each_head = [&](const torch::Tensor& of_groups) {
        return of_groups.repeat_interleave(heads() / key_value_heads(), 1);
      };
      attended.push_back(torch::scaled_dot_product_attention(q.narrow(2, begin, count), for_each_head(all_keys),
                                                             for_each_head(all_values), visible));
      keys = all_keys.detach();
      values = all_values.detach();
    }
    const torch::Tensor own_loss = k.square().sum();
    pass.auxiliary_loss = pass.auxiliary_loss.defined() ? pass.auxiliary_loss + own_loss : own_loss;
    return output(torch::cat(attended, 2));
  }

  void add_empty_memory(ContextState& state, int64_t rows, const torch::TensorOptions& options) const override {
    for (const char* const name : {"keys", "values"}) {
      state.tensors[state_name(name)] = {torch::zeros({rows, key_value_heads(), 0, head_dim()}, options), false};
    }
  }
};

/// A model of that kind in double.
inline std::shared_ptr<CausalLanguageModel> cache_model(const ModelConfig& config) {
  const auto decoder = std::make_shared<Decoder>(config, torch::kFloat64, [&](int64_t layer) {
    return std::make_shared<CacheAttention>(config, layer, torch::kFloat64);
  });
  auto model = std::make_shared<CausalLanguageModel>(config, decoder, torch::kFloat64);
  model->set_compute_dtype(torch::kFloat64);
  torch::manual_seed(3);
  for (const auto& item : model->named_parameters()) {
    initialize_parameter(item.key(), item.value(), config, /*initial_beta=*/0);
  }
  return model;
}

}  // namespace infini
