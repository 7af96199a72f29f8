#pragma once

#include <torch/torch.h>

#include "model/causal_language_model.h"

namespace infini {

/// The number of floats in the state of a model with this config, for one row.
inline int64_t memory_size(const ModelConfig& config) {
  const auto model = CausalLanguageModel::uninitialized(config, torch::device(torch::kMeta));
  int64_t size = 0;
  for (const auto& [name, tensor] : model->empty_state(1).tensors) size += tensor.value.numel();
  return size;
}

inline int64_t parameter_count(const ModelConfig& config) {
  const auto model = CausalLanguageModel::uninitialized(config, torch::device(torch::kMeta));
  int64_t count = 0;
  for (const torch::Tensor& parameter : model->parameters()) count += parameter.numel();
  return count;
}

}  // namespace infini
