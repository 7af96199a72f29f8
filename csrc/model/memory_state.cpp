#include "model/memory_state.h"

namespace infini {

using torch::Tensor;

namespace {

MemoryState transformed(const MemoryState& state, const auto& transform) {
  MemoryState result;
  for (const Tensor& memory : state.memory) result.memory.push_back(transform(memory));
  for (const Tensor& norm : state.norm) result.norm.push_back(transform(norm));
  return result;
}

}  // namespace

MemoryState MemoryState::empty(const ModelConfig& config, int64_t rows, const torch::TensorOptions& options) {
  const int64_t heads = config.num_key_value_heads, width = config.head_dim;
  MemoryState state;
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    state.memory.push_back(torch::zeros({rows, heads, width, width}, options));
    state.norm.push_back(torch::zeros({rows, heads, width}, options));
  }
  return state;
}

MemoryState MemoryState::detached(bool requires_grad) const {
  return transformed(*this, [&](const Tensor& tensor) { return tensor.detach().requires_grad_(requires_grad); });
}

void MemoryState::assign(const MemoryState& other) {
  for (size_t layer = 0; layer < memory.size(); ++layer) {
    memory[layer].copy_(other.memory[layer]);
    norm[layer].copy_(other.norm[layer]);
  }
}

MemoryState MemoryState::to(torch::Device device, bool non_blocking) const {
  return transformed(*this, [&](const Tensor& tensor) { return tensor.to(device, non_blocking); });
}

std::vector<Tensor> MemoryState::tensors() const {
  std::vector<Tensor> tensors;
  for (size_t layer = 0; layer < memory.size(); ++layer) {
    tensors.push_back(memory[layer]);
    tensors.push_back(norm[layer]);
  }
  return tensors;
}

}  // namespace infini
