#include "train/run.h"

#include <ATen/Parallel.h>

#include <cmath>
#include <cstdio>
#include <string>

#include "checkpoint/checkpoint.h"
#include "io/atomic_folder.h"
#include "io/available_cores.h"
#include "log/error.h"
#include "log/log.h"
#include "model/loading.h"
#include "train/device.h"
#include "train/learning_rate_schedule.h"
#include "train/make_objective.h"
#include "train/random_state.h"
#include "train/resolve_config.h"

namespace infini {
namespace {

namespace fs = std::filesystem;

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g", value);
  return text;
}

/// Throws UserError if a value changed that must stay the same on resume.
void check_same_run(const Run& run, const RunState& saved, const std::string& where) {
  const TrainConfig& config = run.config;
  if (saved.seed != config.seed) {
    throw UserError("seed is " + std::to_string(config.seed) + " in the configuration, but " +
                    std::to_string(saved.seed) + " in " + where + "; resume with the same seed");
  }
  if (saved.step > config.steps) {
    throw UserError("steps is " + std::to_string(config.steps) + ", but the run has done " +
                    std::to_string(saved.step) + " already; resume with as many or more");
  }
  if (config.carry_memory == saved.carried.empty()) {
    throw UserError(std::string("carry_memory is ") + (config.carry_memory ? "true" : "false") +
                    " in the configuration, but was not in " + where + "; resume with the same value");
  }
}

/// Logs the values that changed since the run began.
void warn_of_changes(const Run& run, const RunState& saved, const std::string& where) {
  if (saved.threads != run.state.threads) {
    log::warn(where + " was written with " + std::to_string(saved.threads) + " threads, this run has " +
              std::to_string(run.state.threads) +
              ": sums are rounded in another order, so results differ in the last bits" +
              " (--set threads=" + std::to_string(saved.threads) + " continues exactly)");
  }
  const double rate = learning_rate_of(run.config, saved.step + 1);
  if (saved.step < run.config.steps && std::abs(rate - saved.next_learning_rate) > 1e-9 * saved.next_learning_rate) {
    log::warn("the learning rate of step " + std::to_string(saved.step + 1) + " is " + number_text(rate) +
              ", where the run before would have had " + number_text(saved.next_learning_rate) +
              ": steps, schedule or optimizer.learning_rate have changed");
  }
}

void restore(Run& run, const fs::path& checkpoint) {
  const std::string where = checkpoint.string();
  const CheckpointFiles files = read_verified_checkpoint(checkpoint);
  require_same_model(run.config.model, files.config, where, /*memory_too=*/true);
  set_model_weights(*run.model, files.weights, checkpoint);

  RunState saved = read_run_state(checkpoint);
  check_same_run(run, saved, where);
  warn_of_changes(run, saved, where);
  try {
    run.objective->seek(saved.objective);
    run.early_stop.load_state(saved.early_stop);
  } catch (const UserError& error) {
    throw UserError("cannot resume from " + where + ": " + error.what());
  } catch (const nlohmann::json::exception& error) {
    throw UserError("cannot resume from " + where + ": trainer/state.json is damaged (" + error.what() + ")");
  }
  run.optimizer->load_state(saved.optimizer, where);
  run.carried = run.carried.restored(saved.carried, where);
  set_random_state(saved.random, run.device);
  saved.threads = run.state.threads;
  saved.optimizer = saved.random = saved.carried = {};
  run.state = std::move(saved);
  log::info("resumed from " + where);
}

}  // namespace

double learning_rate_of(const TrainConfig& config, int64_t step) {
  return config.optimizer.learning_rate * learning_rate_fraction(step, config.steps, config.schedule);
}

Run make_run(const TrainConfig& config, const Ranks& ranks, const fs::path& checkpoint) {
  Run run;
  run.config = config;
  run.ranks = ranks;
  run.device = choose_device(config.device);
  run.tokenizer = tokenizer_of(config, checkpoint);
  run.objective = make_objective(config, run.tokenizer, ranks);
  run.early_stop = EarlyStop(config.early_stop);
  run.state.seed = config.seed;
  run.state.threads = config.threads > 0 ? config.threads : available_cores().count;
  at::set_num_threads(static_cast<int>(run.state.threads));
  torch::manual_seed(config.seed);

  run.model = std::make_shared<CausalLanguageModel>(config.model, config.gate.initial_beta);
  run.model->to(run.device);
  run.model->set_compute_dtype(config.precision == "bfloat16" ? torch::kBFloat16 : torch::kFloat32);
  run.groups = parameter_groups(*run.model, config.optimizer, config.parameters);
  run.optimizer = make_optimizer(run.groups, config.optimizer);
  if (config.carry_memory) {
    if (!run.model->has_memory()) {
      throw UserError("carry_memory is true, but the model has no memory; set model.memory.segment_length and update");
    }
    run.carried = run.model->empty_state(config.batch_rows);
  }

  if (!checkpoint.empty()) {
    restore(run, checkpoint);
  } else if (!config.initial_checkpoint.empty()) {
    set_model_weights(*run.model, read_checkpoint(config.initial_checkpoint).weights, config.initial_checkpoint,
                      config.gate.initial_beta);
  }
  return run;
}

void save_run(const Run& run, const fs::path& checkpoint) {
  AtomicFolder folder(checkpoint);
  write_checkpoint(folder.path(), model_config_to_json(run.config.model), model_weights(*run.model));
  save_tokenizer(*run.tokenizer, folder.path());
  RunState state = run.state;
  state.next_learning_rate = learning_rate_of(run.config, state.step + 1);
  state.objective = run.objective->position();
  state.early_stop = run.early_stop.state();
  state.optimizer = run.optimizer->state();
  state.random = random_state(run.device);
  state.carried = run.carried.named();
  write_run_state(folder.path(), state);
  folder.commit();
}

}  // namespace infini
