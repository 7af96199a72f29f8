#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace infini {

/// How a task's answers were met, by teacher forcing.
struct TaskMetrics {
  double answer_loss = 0.0;      ///< nats an answer token
  double answer_accuracy = 0.0;  ///< share of answer tokens that were the most probable ones
  double exact_match = 0.0;      ///< share of examples of which all were
};

struct ValidationMetrics {
  double loss = 0.0;  ///< nats a token
  double perplexity = 0.0;
  int64_t tokens = 0;
  std::optional<TaskMetrics> task;
};

/// What is recorded of one step.
struct StepMetrics {
  int64_t step = 0;    ///< from 1
  int64_t tokens = 0;  ///< read since the beginning of the run, padding not counted
  double loss = 0.0;   ///< nats a token; with a task, the answers' and a share of the rest's
  double learning_rate = 0.0;
  double gate_learning_rate = 0.0;
  double gradient_norm = 0.0;  ///< before clipping
  double tokens_per_second = 0.0;
  int64_t peak_memory_bytes = 0;
  double padding_share = 0.0;
  bool skipped = false;                                  ///< loss or gradient was not finite, so nothing was changed
  int64_t skipped_steps = 0;                             ///< since the beginning of the run
  std::vector<std::vector<double>> gates, memory_share;  ///< [layers][H]; empty in most steps
  std::optional<ValidationMetrics> validation;
  std::optional<TaskMetrics> task;
  int64_t stage = 1;     ///< of the curriculum
  int64_t segments = 0;  ///< of a sequence
};

}  // namespace infini
