#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "model/config.h"

namespace infini {

struct DataConfig {
  std::filesystem::path path;  ///< a folder that `infini prepare` wrote; a task can do without
};

struct OptimizerConfig {
  std::string name = "adamw";  ///< "adamw" or "adafactor" (the paper's)
  double learning_rate = 1e-3;
  double beta1 = 0.9;     ///< adamw
  double beta2 = 0.95;    ///< adamw
  double epsilon = 1e-8;  ///< adamw
  double weight_decay = 0.1;
  double decay_exponent = 0.8;      ///< adafactor: the second moment's decay is 1 − step^−decay_exponent
  double clipping_threshold = 1.0;  ///< adafactor: the root mean square that one tensor's update may have
  bool scale_parameter = true;      ///< adafactor: rates are relative to the parameter's root mean square
};

/// β has a parameter group of its own: no weight decay, its own rate.
struct GateConfig {
  double initial_beta = 0.0;
  double learning_rate = 1e-2;
};

struct ScheduleConfig {
  int64_t warmup_steps = 1000;
  int64_t constant_steps = 0;   ///< at the full rate after the warm-up, before the decay
  double final_fraction = 0.0;  ///< of the learning rate, reached by cosine decay at the last step
};

struct CheckpointConfig {
  int64_t every = 500;  ///< steps
  int64_t keep_last = 3;
};

struct LoggingConfig {
  int64_t every = 10;  ///< steps between lines on the terminal and TensorBoard events; metrics.jsonl has each step
  int64_t gates_every = 100;  ///< steps between readings of gates and of the memory's share of the output
};

struct ValidationConfig {
  int64_t every = 500;     ///< steps; 0: never
  int64_t tokens = 65536;  ///< read from the beginning of the validation split
};

/// What is learnt instead of modelling the documents of data.path.
struct TaskConfig {
  std::string kind = "none";  ///< "none", "passkey", "passkeys", "key_value", "variables"
  int64_t digits = 5;         ///< of a number
  int64_t needles = 1;        ///< keys, pairs or variables that are hidden
  std::vector<std::string> fillers = {"grass"};
  bool documents = false;      ///< the training split of data.path is one more filler
  double language_loss = 0.1;  ///< weight of the loss of all tokens but the answer's, whose weight is 1
};

/// Stages of a task, the first value of each list for the first stage and so on; a list with one value holds for all.
struct CurriculumConfig {
  std::vector<int64_t> shortest = {};  ///< segments of a sequence; empty: as many as the longest
  std::vector<int64_t> longest = {};   ///< empty: train_length
  double until_loss = 0.3;             ///< a stage ends when the running answer loss falls below it; 0: not by loss
  int64_t stage_steps = 0;             ///< a stage ends after that many steps; 0: not by steps
};

/// What segments write is multiplied by a gain in training, as if they were as many times as long.
struct MemoryGainConfig {
  std::vector<double> largest = {};   ///< by stage; the gain is log-uniform from 1 to it; empty: none
  std::string segments = "unmarked";  ///< "unmarked": all without evidence, alike; "all": each its own
};

/// The stages that a configuration has: as many as its longest list has values, at least one.
inline int64_t stage_count(const CurriculumConfig& curriculum, const MemoryGainConfig& gain) {
  return static_cast<int64_t>(
      std::max({size_t{1}, curriculum.shortest.size(), curriculum.longest.size(), gain.largest.size()}));
}

/// What a list says for the stage of that number, from 1; a list with one value holds for all stages.
template <typename Value>
Value of_stage(const std::vector<Value>& values, int64_t number, Value if_empty) {
  if (values.empty()) return if_empty;
  return values[std::min(static_cast<size_t>(number - 1), values.size() - 1)];
}

struct EarlyStopConfig {
  std::string metric = "none";  ///< of the validation: "none", "loss", "answer_loss", "exact_match"
  int64_t patience = 5;         ///< validations without improvement
};

struct TrainConfig {
  std::string name = "run";  ///< the run's folder is output_folder/name
  std::filesystem::path output_folder = "runs";
  std::string device = "auto";        ///< "auto", "cpu", "cuda", "cuda:1"
  int64_t threads = 0;                ///< 0: one a core
  std::string precision = "float32";  ///< "float32" or "bfloat16" (compute; master weights stay float32)
  uint64_t seed = 0;
  int64_t steps = 1000;
  int64_t train_length = 32768;  ///< tokens of a sequence
  int64_t batch_rows = 1;        ///< sequences in a batch
  int64_t accumulation = 1;      ///< batches a step
  int64_t segments_per_chunk = 1;
  std::string border_states = "device";  ///< "device" or "host"
  bool carry_memory = false;
  double gradient_clip = 1.0;                ///< 0: none
  int64_t max_skipped_steps = 20;            ///< that many non-finite steps in a row stop the run
  std::filesystem::path initial_checkpoint;  ///< weights to start from; empty: random
  DataConfig data;
  ModelConfig model;
  GateConfig gate;
  OptimizerConfig optimizer;
  ScheduleConfig schedule;
  CheckpointConfig checkpoint;
  LoggingConfig logging;
  ValidationConfig validation;
  TaskConfig task;
  CurriculumConfig curriculum;
  MemoryGainConfig memory_gain;
  EarlyStopConfig early_stop;

  bool has_task() const { return task.kind != "none"; }
  /// A model without segments attends over the whole sequence.
  int64_t segment_length() const {
    return model.memory.segment_length > 0 ? model.memory.segment_length : train_length;
  }
  int64_t segments_per_row() const { return train_length / segment_length(); }
};

}  // namespace infini
