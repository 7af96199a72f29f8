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
  ContextState carried;  ///< from the rows' sequences before; only where carry_memory is set
  RunState state;        ///< its counters; the rest of it is filled in for a checkpoint alone
};

/// Makes all parts as `config` says, which is resolved, and seeds torch. The weights are those of `checkpoint`, a
/// checkpoint of this very run, with all else that it holds; or, where that is empty, of initial_checkpoint; or random.
/// Throws UserError.
Run make_run(const TrainConfig& config, const Ranks& ranks, const std::filesystem::path& checkpoint);

/// Writes a checkpoint folder that appears whole or not at all.
void save_run(const Run& run, const std::filesystem::path& checkpoint);

/// The learning rate of step 1, 2, …, before a group's own is put in its place.
double learning_rate_of(const TrainConfig& config, int64_t step);

}  // namespace infini
