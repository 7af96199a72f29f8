#include "train/run_summary.h"

#include <cstdio>
#include <string>

#include "log/log.h"

namespace infini {
namespace {

/// With more padding than this, a step wastes more than it uses.
constexpr double kMuchPadding = 0.5;

std::string describe(const ParameterGroup& group) {
  std::string text = "parameters " + group.match + ": " + std::to_string(group.parameter_count()) + " in " +
                     std::to_string(group.names.size()) + " tensors, ";
  if (!group.trainable) return text + "frozen";
  char rates[80];
  std::snprintf(rates, sizeof(rates), "learning rate %g, weight decay %g", group.learning_rate, group.weight_decay);
  return text + rates;
}

}  // namespace

void show_summary(const Run& run) {
  for (const ParameterGroup& group : run.groups) log::info(describe(group));
  const ScheduleConfig& schedule = run.config.schedule;
  if (schedule.warmup_steps >= run.config.steps) {
    log::warn("schedule.warmup_steps is " + std::to_string(schedule.warmup_steps) + ", but the run has " +
              std::to_string(run.config.steps) +
              " steps: the full learning rate is never reached; lower it, or raise steps");
  }
}

void warn_of_padding(double padding_share) {
  if (padding_share <= kMuchPadding) return;
  char percent[16];
  std::snprintf(percent, sizeof(percent), "%.0f%%", 100 * padding_share);
  log::warn(std::string(percent) + " of the first step was padding: the documents are much shorter than a segment; " +
            "lower model.memory.segment_length, or join short documents");
}

}  // namespace infini
