#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/reading.h"
#include "objective/objective.h"

namespace infini {

/// The record of one step.
struct StepMetrics {
  int64_t step = 0;    ///< from 1
  int64_t tokens = 0;  ///< read since the beginning of the run, without padding
  double loss = 0.0;   ///< nats per token; in a task with answers: the answers' loss plus task.language_loss times that
                       ///< of other tokens
  std::optional<double> auxiliary_loss;  ///< of the model itself, in its own unit per token; not in `loss`
  double learning_rate = 0.0;
  double gradient_norm = 0.0;  ///< before clipping
  double tokens_per_second = 0.0;
  int64_t peak_memory_bytes = 0;
  double padding_share = 0.0;
  bool skipped = false;                   ///< loss or gradient was not finite, so the step changed nothing
  int64_t skipped_steps = 0;              ///< since the beginning of the run
  std::vector<Reading> heads;             ///< of the layers' heads; empty in most steps
  Metrics objective = Metrics::object();  ///< the objective's own numbers for this step
  std::optional<Metrics> validation;
};

}  // namespace infini
