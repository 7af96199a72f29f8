#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "checkpoint/safetensors.h"
#include "model/memory_state.h"

namespace infini {

/// What, beside the weights, a run needs to go on exactly where it stood: a checkpoint's folder trainer/rank-0/.
struct TrainingState {
  int64_t step = 0;  ///< steps done
  int64_t tokens = 0;
  int64_t skipped_steps = 0;
  int64_t skipped_in_a_row = 0;
  uint64_t seed = 0;
  int64_t threads = 0;
  nlohmann::json data_position;  ///< BatchSource::position
  nlohmann::json curriculum;     ///< Curriculum::state
  nlohmann::json early_stop;     ///< EarlyStop::state
  NamedTensors optimizer;        ///< Optimizer::state
  NamedTensors random;           ///< random_state
  MemoryState carried;           ///< without layers where no memory is carried
};

/// Writes optimizer.safetensors, random.safetensors, state.json and, where memory is carried, memory.safetensors into
/// CHECKPOINT/trainer/rank-0.
void write_training_state(const std::filesystem::path& checkpoint, const TrainingState& state);

/// Reads it back, tensors on the CPU. Throws UserError that names what is missing or was written by more ranks.
TrainingState read_training_state(const std::filesystem::path& checkpoint);

/// The state of torch's generators: "cpu", and "cuda" on such a device.
NamedTensors random_state(torch::Device device);
void set_random_state(const NamedTensors& state, torch::Device device);

}  // namespace infini
