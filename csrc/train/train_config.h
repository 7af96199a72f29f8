#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/config.h"
#include "objective/curriculum.h"

namespace infini {

struct DataConfig {
  std::filesystem::path path;  ///< a folder that `infini prepare` wrote; a task may leave it empty
};

struct OptimizerConfig {
  std::string name = "adamw";  ///< "adamw" or "adafactor" (the paper's)
  double learning_rate = 1e-3;
  double beta1 = 0.9;     ///< adamw
  double beta2 = 0.95;    ///< adamw
  double epsilon = 1e-8;  ///< adamw
  double weight_decay = 0.1;
  double decay_exponent = 0.8;      ///< adafactor: the second moment's decay is 1 − step^−decay_exponent
  double clipping_threshold = 1.0;  ///< adafactor: the largest root mean square of one tensor's update
  bool scale_parameter = true;      ///< adafactor: rates are relative to the parameter's root mean square
};

/// Settings for the parameters whose name matches. The first rule that matches wins.
struct ParameterRule {
  std::string match;                         ///< a glob over parameter names: "*.bias", "model.layers.0.*"
  std::optional<double> learning_rate = {};  ///< absent: optimizer.learning_rate
  std::optional<double> weight_decay = {};   ///< absent: optimizer.weight_decay
  bool trainable = true;                     ///< false: no gradient, no optimiser state, no decay
  bool operator==(const ParameterRule&) const = default;
};

/// The built-in rules, which come after those of a configuration. β learns fast, and only matrices decay: a
/// short convolution begins near the identity, from which decay would draw it away.
inline std::vector<ParameterRule> default_parameter_rules() {
  return {{"*.memory_gate", 0.01, 0.0}, {"*norm.weight", {}, 0.0}, {"*.bias", {}, 0.0}, {"*_conv1d.weight", {}, 0.0}};
}

struct GateConfig {
  double initial_beta = 0.0;
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
  int64_t gates_every = 100;  ///< steps between readings of the gates and of what the memory holds
};

struct ValidationConfig {
  int64_t every = 500;     ///< steps; 0: never
  int64_t tokens = 65536;  ///< read from the beginning of the validation split
};

/// A task to learn, instead of modelling the documents of data.path.
struct TaskConfig {
  std::string kind = "none";  ///< "none", "passkey", "passkeys", "key_value", "variables"
  int64_t digits = 5;         ///< in a number
  int64_t needles = 1;        ///< hidden keys, pairs or variables
  std::vector<std::string> fillers = {"grass"};
  bool documents = false;      ///< use the training split of data.path as one more filler
  double language_loss = 0.1;  ///< weight of the other tokens' loss; the answer's loss has weight 1
};

struct EarlyStopConfig {
  std::string metric = "none";  ///< of the validation: "none", "loss", "answer_loss", "exact_match"
  int64_t patience = 5;         ///< validations without improvement
};

struct TrainConfig {
  std::string name = "run";  ///< the run's folder is output_folder/name
  std::filesystem::path output_folder = "runs";
  std::string device = "auto";        ///< "auto", "cpu", "cuda", "cuda:1"
  int64_t threads = 0;                ///< 0: one for each core that the process may use
  std::string precision = "float32";  ///< "float32" or "bfloat16" (compute; master weights stay float32)
  uint64_t seed = 0;
  int64_t steps = 1000;
  int64_t train_length = 32768;  ///< tokens in a sequence
  int64_t batch_rows = 1;        ///< sequences in a batch
  int64_t accumulation = 1;      ///< batches per step
  int64_t segments_per_chunk = 1;
  int64_t shortest_segment = 0;  ///< tokens; training draws the lengths of segments around the model's; 0: all equal
  std::string border_states = "device";  ///< "device" or "host"
  bool carry_memory = false;
  double gradient_clip = 1.0;                ///< 0: none
  int64_t max_skipped_steps = 20;            ///< this many non-finite steps in a row stop the run
  std::filesystem::path initial_checkpoint;  ///< weights to start from; empty: random
  DataConfig data;
  ModelConfig model;
  GateConfig gate;
  OptimizerConfig optimizer;
  std::vector<ParameterRule> parameters = default_parameter_rules();
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
