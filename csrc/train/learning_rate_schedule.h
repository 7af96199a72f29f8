#pragma once

#include <cstdint>

#include "train/train_config.h"

namespace infini {

/// The share of the full learning rate in step 1 … steps: step / warmup_steps while warming up, 1 for constant_steps,
/// then, from step b = warmup_steps + constant_steps on, final + (1 − final) (1 + cos(π (step − b) / (steps − b))) / 2.
double learning_rate_fraction(int64_t step, int64_t steps, const ScheduleConfig& schedule);

}  // namespace infini
