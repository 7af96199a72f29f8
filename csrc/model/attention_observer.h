#pragma once

#include <cstdint>

#include "ops/attention_arguments.h"

namespace infini {

/// Looks on while the layers' attention runs.
class AttentionObserver {
 public:
  virtual ~AttentionObserver() = default;
  /// Called before the attention of a layer with a compressive memory reads its segments: with just what the op gets.
  virtual void observe(int64_t layer, const ops::AttentionArguments& attention) = 0;
};

}  // namespace infini
