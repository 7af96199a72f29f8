#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "checkpoint/safetensors.h"

namespace infini {

/// Everything that a run needs, in addition to the weights, to continue exactly. It is stored in a checkpoint's folder
/// trainer/.
struct RunState {
  int64_t step = 0;  ///< steps done
  int64_t tokens = 0;
  int64_t skipped_steps = 0;
  int64_t skipped_in_a_row = 0;
  uint64_t seed = 0;
  int64_t threads = 0;
  double next_learning_rate = 0;  ///< of the next step, by the schedule at the time of saving
  nlohmann::json objective;       ///< Objective::position
  nlohmann::json early_stop;      ///< EarlyStop::state
  /// The record of the last step where a stop cut its validation short: a resumed run validates first. Null: no step.
  nlohmann::ordered_json unvalidated_step;
  NamedTensors optimizer;  ///< Optimizer::state
  NamedTensors random;     ///< random_state
  NamedTensors carried;    ///< ContextState::named; empty if no memory is carried
};

/// Writes state.json, optimizer.safetensors, random.safetensors and, where memory is carried, carried.safetensors into
/// CHECKPOINT/trainer.
void write_run_state(const std::filesystem::path& checkpoint, const RunState& state);

/// Reads these files; the tensors are on the CPU. Throws a UserError that names what is missing or damaged.
RunState read_run_state(const std::filesystem::path& checkpoint);

}  // namespace infini
