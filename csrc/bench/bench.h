#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bench/peak.h"
#include "bench/work.h"
#include "train/train_config.h"

namespace infini {

struct BenchOptions {
  /// Only the model's sizes, batch_rows, train_length, segments_per_chunk, the optimiser and `device` are used.
  /// `attention` is timed on one chunk, and the training step on whole sequences. The tokens are made up.
  TrainConfig config;
  std::vector<std::string> updates;  ///< each is timed: "linear", "delta" or "none"
  torch::Dtype dtype = torch::kFloat32;
  int64_t rounds = 5;
  bool attention = true;
  bool training_step = true;
};

/// One line of the result.
struct Measurement {
  std::string name;  ///< "attention" or "training step"
  std::string update;
  std::string pass;    ///< "forward", "forward + backward" or "with optimizer"
  int64_t tokens = 0;  ///< in all rows
  double seconds = 0;  ///< median of the rounds
  Work work;

  double tokens_per_second() const { return static_cast<double>(tokens) / seconds; }
  double operations_per_second() const { return work.operations / seconds; }
  double bytes_per_second() const { return work.bytes / seconds; }
};

struct BenchResult {
  std::string device, dtype;
  int64_t threads = 0;  ///< of the CPU
  int64_t rounds = 0;
  AttentionSizes sizes;  ///< of the calls of attention
  int64_t train_length = 0, layers = 0, hidden_size = 0, vocab_size = 0;
  Peak peak;
  std::vector<Measurement> measurements;
};

/// Measures the device's peak, then attention and the training step as chosen. Throws UserError for sizes that no model
/// can have.
BenchResult measure_speed(const BenchOptions& options);

}  // namespace infini
