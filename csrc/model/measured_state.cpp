#include "model/measured_state.h"

#include <algorithm>

#include "model/causal_language_model.h"

namespace infini {
namespace {

/// The same memory in a model that costs next to nothing.
ModelConfig narrowed(ModelConfig config) {
  config.vocab_size = 1;
  config.hidden_size = 2;
  config.intermediate_size = 1;
  config.num_attention_heads = config.num_key_value_heads = 1;
  config.head_dim = 2;
  config.depth = {};
  config.memory.segment_length = std::max<int64_t>(config.memory.compression_rate, 1);
  return config;
}

/// What one segment adds to the state of the model.
StateSize growth(const ModelConfig& config) {
  const torch::NoGradGuard no_graph;
  const auto model = CausalLanguageModel::uninitialized(config, torch::kFloat32);
  const torch::Tensor segment = torch::zeros({1, config.memory.segment_length}, torch::kInt64);
  const ContextState empty = model->empty_state(1);
  const StateSize before = size_of(empty), after = size_of(model->memorize(segment, empty));
  return {after.floats - before.floats, after.bytes - before.bytes};
}

}  // namespace

StateSize size_of(const ContextState& state) {
  StateSize size;
  for (const auto& [name, tensor] : state.tensors) {
    if (tensor.value.is_floating_point()) size.floats += tensor.value.numel();
    size.bytes += static_cast<int64_t>(tensor.value.nbytes());
  }
  return size;
}

StateSize measure_state(const ModelConfig& config, int64_t segments) {
  ModelConfig sized = config;
  sized.vocab_size = std::max<int64_t>(config.vocab_size, 1);  // 0 means: decided by the data
  const auto meta = torch::device(torch::kMeta).dtype(torch::kFloat32);
  const StateSize empty = size_of(CausalLanguageModel::uninitialized(sized, meta)->empty_state(1));
  const ModelConfig narrow = narrowed(config);
  const StateSize added = growth(narrow);
  const int64_t times = segments * config.hidden_size / narrow.hidden_size;
  return {empty.floats + times * added.floats, empty.bytes + times * added.bytes};
}

}  // namespace infini
