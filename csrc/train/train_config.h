#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "model/config.h"

namespace infini {

struct DataConfig {
  std::filesystem::path path;  ///< a folder that `infini prepare` wrote
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
};

}  // namespace infini
