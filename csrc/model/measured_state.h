#pragma once

#include <cstdint>

#include "model/config.h"
#include "model/context_state.h"

namespace infini {

/// The size of a context state. Counters and flags have bytes, but are no floats.
struct StateSize {
  int64_t floats = 0;
  int64_t bytes = 0;
};

StateSize size_of(const ContextState& state);

/// The size of the state that a model of this configuration carries for one row, after `segments` segments. The model
/// makes its empty state on torch's meta device, where tensors have sizes but no values. If the state grows, then by
/// vectors of the model's width: a narrow model that reads one segment tells how many.
StateSize measure_state(const ModelConfig& config, int64_t segments);

}  // namespace infini
