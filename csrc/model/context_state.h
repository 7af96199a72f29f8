#pragma once

#include <torch/torch.h>

#include <map>
#include <string>

#include "checkpoint/safetensors.h"

namespace infini {

/// One tensor that a model carries from segment to segment.
struct ContextTensor {
  torch::Tensor value;
  bool differentiable = true;  ///< a gradient passes through it, back into the segments before
};

/// What a model carries from one segment to the next. Only the model knows what the names mean; everybody else detaches
/// a state, moves it, stores it and hands it on.
struct ContextState {
  std::map<std::string, ContextTensor> tensors;
  int64_t open_tokens = 0;  ///< tokens of the open segment, which CausalLanguageModel::read has begun and not filled

  /// The tensor of this name; throws std::out_of_range.
  const torch::Tensor& operator[](const std::string& name) const { return tensors.at(name).value; }
  torch::Tensor& operator[](const std::string& name) { return tensors.at(name).value; }

  /// The same values, cut from the graph. With `requires_grad` the differentiable ones are leaves that collect a
  /// gradient.
  ContextState detached(bool requires_grad = false) const;

  /// Takes the values of `other`, in place where a tensor keeps its size. So reading a long text reuses one allocation.
  void assign(const ContextState& other);

  ContextState to(torch::Device device, bool non_blocking = false) const;

  /// The tensors as a checkpoint stores them.
  NamedTensors named() const;
  /// This state with the values of `stored`, moved to the device of this one's. Throws UserError that names `where` if
  /// the names differ.
  ContextState restored(const NamedTensors& stored, const std::string& where) const;
};

}  // namespace infini
