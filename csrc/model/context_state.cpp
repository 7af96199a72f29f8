#include "model/context_state.h"

#include "log/error.h"

namespace infini {

using torch::Tensor;

ContextState ContextState::detached(bool requires_grad) const {
  ContextState result = *this;
  for (auto& [name, tensor] : result.tensors) {
    tensor.value = tensor.value.detach().requires_grad_(requires_grad && tensor.differentiable);
  }
  return result;
}

void ContextState::assign(const ContextState& other) {
  for (const auto& [name, tensor] : other.tensors) {
    ContextTensor& own = tensors[name];
    if (own.value.defined() && own.value.sizes() == tensor.value.sizes()) {
      own.value.copy_(tensor.value);
    } else {
      own = tensor;
    }
  }
  open_tokens = other.open_tokens;
}

ContextState ContextState::with_memory_of(const ContextState& other) const {
  ContextState result = other;
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.of_memory) result.tensors[name] = tensor;
  }
  result.open_tokens = open_tokens;
  return result;
}

ContextState ContextState::to(torch::Device device, bool non_blocking) const {
  ContextState result = *this;
  for (auto& [name, tensor] : result.tensors) tensor.value = tensor.value.to(device, non_blocking);
  return result;
}

NamedTensors ContextState::named() const {
  NamedTensors named;
  for (const auto& [name, tensor] : tensors) named.emplace(name, tensor.value);
  return named;
}

ContextState ContextState::restored(const NamedTensors& stored, const std::string& where) const {
  const auto refuse = [&](const std::string& name, const char* fault) {
    throw UserError(where + ": the context state " + fault + " '" + name +
                    "'; it was written by another model: resume with the same one");
  };
  for (const auto& [name, tensor] : stored) {
    if (!tensors.contains(name)) refuse(name, "has an unknown tensor");
  }
  ContextState result = *this;
  for (auto& [name, tensor] : result.tensors) {
    const auto found = stored.find(name);
    if (found == stored.end()) refuse(name, "lacks the tensor");
    tensor.value = found->second.to(tensor.value.device());
  }
  return result;
}

}  // namespace infini
