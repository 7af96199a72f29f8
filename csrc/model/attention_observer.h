#pragma once

#include <cstdint>

#include "ops/attention_arguments.h"

namespace infini {

/// Watches the attention of the layers while a pass runs.
class AttentionObserver {
 public:
  virtual ~AttentionObserver() = default;
  /// Called before a layer with a compressive memory computes its attention. `attention` is exactly what the op gets.
  virtual void observe(int64_t layer, const ops::AttentionArguments& attention) = 0;
  /// Called in training by a layer that lets only some tokens through. `right` (bool): for which of them its predictor
  /// knew.
  virtual void observe_routing(int64_t /*layer*/, const torch::Tensor& /*right*/) {}
};

}  // namespace infini
