#pragma once

#include <cstdint>

#include "train/train_config.h"

namespace infini {

/// The share of the full learning rate in step 1 … steps: step / warmup_steps while warming up, then
/// final + (1 − final) (1 + cos(π (step − warmup_steps) / (steps − warmup_steps))) / 2.
double learning_rate_fraction(int64_t step, int64_t steps, const ScheduleConfig& schedule);

}  // namespace infini
