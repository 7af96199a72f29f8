#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <memory>
#include <vector>

#include "model/causal_language_model.h"
#include "objective/objective.h"
#include "text/tokenizer.h"
#include "train/early_stop.h"
#include "train/optimizer.h"
#include "train/ranks.h"
#include "train/run_state.h"
#include "train/train_config.h"

namespace infini {

/// The parts of a training run.
struct Run {
  TrainConfig config;
  Ranks ranks;
  torch::Device device = torch::kCPU;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::unique_ptr<Objective> objective;
  std::shared_ptr<CausalLanguageModel> model;
  std::vector<ParameterGroup> groups;
  std::unique_ptr<Optimizer> optimizer;
  EarlyStop early_stop{{}};
  ContextState carried;  ///< from the previous sequence of each row; only if carry_memory is set
  RunState state;        ///< only its counters are kept up to date; the rest is filled in when a checkpoint is written
};

/// Makes all parts of a run from a resolved configuration, and seeds torch. `checkpoint` is one of the run's own
/// checkpoints: the weights and the whole state of the run come from it. If it is empty, the weights come from
/// initial_checkpoint, or are random. Throws UserError.
Run make_run(const TrainConfig& config, const Ranks& ranks, const std::filesystem::path& checkpoint);

/// Writes a checkpoint folder that appears whole or not at all.
void save_run(const Run& run, const std::filesystem::path& checkpoint);

/// The learning rate in step 1, 2, … for all groups that have no rate of their own.
double learning_rate_of(const TrainConfig& config, int64_t step);

}  // namespace infini
