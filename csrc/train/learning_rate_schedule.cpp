#include "train/learning_rate_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace infini {

double learning_rate_fraction(int64_t step, int64_t steps, const ScheduleConfig& schedule) {
  if (step < schedule.warmup_steps) return static_cast<double>(step) / static_cast<double>(schedule.warmup_steps);
  const int64_t decay_begin = schedule.warmup_steps + schedule.constant_steps;
  const int64_t decay_steps = std::max<int64_t>(steps - decay_begin, 1);
  const double progress =
      std::clamp(static_cast<double>(step - decay_begin) / static_cast<double>(decay_steps), 0.0, 1.0);
  const double cosine = (1.0 + std::cos(std::numbers::pi * progress)) / 2.0;
  return schedule.final_fraction + (1.0 - schedule.final_fraction) * cosine;
}

}  // namespace infini
