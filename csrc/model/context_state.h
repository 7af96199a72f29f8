#pragma once

#include <torch/torch.h>

#include <map>
#include <string>

#include "checkpoint/safetensors.h"

namespace infini {

/// One tensor that a model carries from segment to segment.
struct ContextTensor {
  torch::Tensor value;
  bool differentiable = true;  ///< a gradient flows through it into earlier segments
  bool of_memory = true;       ///< false: a model whose memory is off carries it too
};

/// The tensors that a model carries from one segment to the next. Only the model knows what the names mean. Other code
/// only detaches, moves and stores a state, and passes it on.
struct ContextState {
  std::map<std::string, ContextTensor> tensors;
  int64_t open_tokens = 0;  ///< tokens in the segment that CausalLanguageModel::read has begun and not filled

  /// The tensor with this name. Throws std::out_of_range if there is none.
  const torch::Tensor& operator[](const std::string& name) const { return tensors.at(name).value; }
  torch::Tensor& operator[](const std::string& name) { return tensors.at(name).value; }

  /// The same values, cut from the graph. With `requires_grad` the differentiable tensors become leaves that collect a
  /// gradient.
  ContextState detached(bool requires_grad = false) const;

  /// Copies the values of `other`. A tensor that keeps its size is copied in place, so reading a long text reuses one
  /// allocation.
  void assign(const ContextState& other);

  /// This state with the memory of `other`.
  ContextState with_memory_of(const ContextState& other) const;

  ContextState to(torch::Device device, bool non_blocking = false) const;

  /// The tensors in the form that a checkpoint stores.
  NamedTensors named() const;
  /// This state with the values of `stored`, on the same device as this state. Throws a UserError that names `where` if
  /// the names differ.
  ContextState restored(const NamedTensors& stored, const std::string& where) const;
};

}  // namespace infini
