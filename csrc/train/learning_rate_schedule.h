#pragma once

#include <cstdint>

#include "train/train_config.h"

namespace infini {

/// The factor on the full learning rate in step 1 … steps. During the warm-up it is step / warmup_steps. Then it is 1
/// for constant_steps. After step b = warmup_steps + constant_steps it is final + (1 − final) (1 + cos(π (step − b) /
/// (steps − b))) / 2.
double learning_rate_fraction(int64_t step, int64_t steps, const ScheduleConfig& schedule);

}  // namespace infini
