#include "train/trainer.h"

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>

#include "log/log.h"
#include "model/memory_diagnostics.h"
#include "train/backpropagation.h"
#include "train/device.h"
#include "train/gradient_clipping.h"
#include "train/learning_rate_schedule.h"
#include "train/resolve_config.h"
#include "train/run_summary.h"
#include "train/segment_lengths.h"
#include "train/step_display.h"
#include "train/step_readings.h"

namespace infini {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr uint32_t kSegmentLengths = 17;  ///< the purpose of a random stream

bool is_due(int64_t step, int64_t every) { return every > 0 && step % every == 0; }

}  // namespace

Trainer::Trainer(const TrainConfig& config, bool resume, const Ranks& ranks)
    : folder_(config.output_folder / config.name, resume, ranks) {
  newest_checkpoint_ = folder_.newest_sound_checkpoint();
  run_ = make_run(resolve_config(config, newest_checkpoint_), ranks, newest_checkpoint_);
  if (!ranks.is_first()) return;
  folder_.create();
  set_best(folder_.path(), run_.early_stop.best());
  metrics_.emplace(folder_.metrics(), run_.state.step);
  tensorboard_.emplace(folder_.tensorboard(), run_.state.step + 1);
}

bool Trainer::over() const {
  const RunState& state = run_.state;
  return state.unvalidated_step.is_null() && (state.step >= run_.config.steps || run_.early_stop.reached());
}

TrainingOutcome Trainer::run() {
  const TrainConfig& config = run_.config;
  show_summary(run_);
  StepDisplay display(config.steps, run_.state.step, config.logging.every);
  if (!run_.state.unvalidated_step.is_null()) validate_last_step();
  bool stop = !run_.state.unvalidated_step.is_null();
  while (!stop && !over()) {
    StepMetrics metrics = train_step();
    const bool last = metrics.step == config.steps;
    bool is_best = false;
    if (config.validation.every > 0 && (is_due(metrics.step, config.validation.every) || last)) {
      metrics.validation = validate();
      if (!metrics.validation) run_.state.unvalidated_step = metrics_record(metrics);
      is_best = metrics.validation && run_.early_stop.observe(*metrics.validation, metrics.step);
    }
    record(metrics);
    display.show(metrics, *run_.objective);
    if (metrics.skipped) warn_of_skip(metrics);
    stop = run_.ranks.any(signals_.signal() != 0) || run_.early_stop.reached();
    if (is_due(metrics.step, config.checkpoint.every) || last || stop || is_best) save();
  }
  if (over() && !run_.objective->unfinished().empty()) log::warn(run_.objective->unfinished());
  return {run_.state.step, over(), newest_checkpoint_, run_.early_stop.best()};
}

std::vector<TrainingBatch> Trainer::next_batches() {
  std::vector<TrainingBatch> batches;
  const TrainConfig& config = run_.config;
  for (int64_t i = 0; i < config.accumulation; ++i) {
    TrainingBatch batch = run_.objective->next();
    if (config.shortest_segment > 0) {
      DeterministicRandom random(config.seed, run_.state.step * config.accumulation + i, kSegmentLengths);
      batch.segment_lengths =
          draw_segment_lengths(batch.starts, config.segment_length(), config.shortest_segment, random);
    }
    batches.push_back(std::move(batch));
  }
  return batches;
}

StepMetrics Trainer::train_step() {
  const Clock::time_point begin = Clock::now();
  const TrainConfig& config = run_.config;
  CausalLanguageModel& model = *run_.model;
  RunState& state = run_.state;
  StepMetrics metrics;
  metrics.step = state.step + 1;
  metrics.learning_rate = learning_rate_of(config, metrics.step);

  const std::vector<TrainingBatch> batches = next_batches();
  int64_t targets = 0, tokens = 0, padding = 0;
  for (const TrainingBatch& batch : batches) {
    targets += batch.target_count;
    tokens += batch.tokens.numel();
    padding += batch.padding_count;
  }
  targets = run_.ranks.sum(targets);

  std::optional<MemoryDiagnostics> diagnostics;
  if (is_due(metrics.step, config.logging.gates_every)) diagnostics.emplace(config.model, run_.device);
  zero_gradients(model);
  ContextState carried = run_.carried;
  torch::Tensor loss = torch::zeros({}, torch::TensorOptions(run_.device));
  torch::Tensor auxiliary_loss;
  std::vector<AnswerReading> answers;
  for (size_t i = 0; i < batches.size(); ++i) {
    const TrainingBatch batch = to_device(batches[i], run_.device);
    if (!config.carry_memory) carried = model.empty_state(batch.tokens.size(0));
    BackpropagationOptions options = backpropagation_options(config);
    if (diagnostics && i + 1 == batches.size()) options.observer = &*diagnostics;
    BackpropagationResult result = backpropagate(model, batch, carried, targets, options);
    loss += result.loss;
    if (result.auxiliary_loss.defined()) {
      auxiliary_loss = auxiliary_loss.defined() ? auxiliary_loss + result.auxiliary_loss : result.auxiliary_loss;
    }
    if (result.answers) answers.push_back(*result.answers);
    carried = std::move(result.state);
  }
  const torch::Tensor norm = sum_and_clip_gradients(gradients(model), config.gradient_clip, run_.ranks);

  StepReadings readings = synchronise({.loss = loss,
                                       .gradient_norm = norm,
                                       .auxiliary_loss = auxiliary_loss,
                                       .answers = answers,
                                       .heads = diagnostics ? diagnostics->readings() : std::vector<DeviceReading>()},
                                      run_.ranks);
  metrics.skipped = !readings.finite();
  metrics.objective = run_.objective->step_metrics(readings.answers);
  if (!metrics.skipped) {
    run_.optimizer->step(learning_rate_fraction(metrics.step, config.steps, config.schedule));
    if (readings.answers) run_.objective->observe(*readings.answers);
    if (config.carry_memory) run_.carried = std::move(carried);
  } else if (config.carry_memory) {
    // The rows have moved past the skipped step, so the carried memory no longer matches them: empty it.
    run_.carried = model.empty_state(config.batch_rows);
  }

  state.step = metrics.step;
  const int64_t tokens_read = run_.ranks.sum(tokens - padding);
  state.tokens += tokens_read;
  state.skipped_steps += metrics.skipped ? 1 : 0;
  state.skipped_in_a_row = metrics.skipped ? state.skipped_in_a_row + 1 : 0;

  metrics.tokens = state.tokens;
  metrics.loss = readings.loss;
  metrics.gradient_norm = readings.gradient_norm;
  metrics.auxiliary_loss = readings.auxiliary_loss;
  metrics.heads = std::move(readings.heads);
  metrics.padding_share = static_cast<double>(padding) / static_cast<double>(tokens);
  metrics.skipped_steps = state.skipped_steps;
  metrics.peak_memory_bytes = peak_memory_bytes(run_.device);
  const std::chrono::duration<double> elapsed = Clock::now() - begin;
  metrics.tokens_per_second = static_cast<double>(tokens_read) / elapsed.count();
  return metrics;
}

std::optional<Metrics> Trainer::validate() {
  run_.model->eval();
  auto validation = run_.objective->validate(*run_.model, [this] { return run_.ranks.any(signals_.requested()); });
  run_.model->train();
  return validation;
}

void Trainer::validate_last_step() {
  const std::optional<Metrics> validation = validate();
  if (!validation) return;
  run_.state.unvalidated_step["validation"] = *validation;
  if (run_.ranks.is_first()) metrics_->write(std::exchange(run_.state.unvalidated_step, nullptr));
  run_.early_stop.observe(*validation, run_.state.step);
  save();
}

void Trainer::record(const StepMetrics& metrics) {
  if (!run_.ranks.is_first()) return;
  if (run_.state.unvalidated_step.is_null()) metrics_->write(metrics_record(metrics));
  const LoggingConfig& logging = run_.config.logging;
  if (is_due(metrics.step, logging.every) || !metrics.heads.empty() || metrics.validation ||
      metrics.step == run_.config.steps) {
    tensorboard_->write(metrics);
  }
  if (metrics.step == 1) warn_of_padding(metrics.padding_share);
}

void Trainer::save() {
  newest_checkpoint_ = folder_.checkpoint(run_.state.step);
  if (!run_.ranks.is_first()) return;
  // Write the metrics to disk before a checkpoint, so a resumed run has the lines of all earlier steps.
  metrics_->sync();
  save_run(run_, newest_checkpoint_);
  const std::optional<BestCheckpoint>& best = run_.early_stop.best();
  set_best(folder_.path(), best);
  remove_old_checkpoints(folder_.checkpoints(), run_.config.checkpoint.keep_last,
                         best ? std::optional(best->step) : std::nullopt);
}

void Trainer::warn_of_skip(const StepMetrics& metrics) const {
  char numbers[96];
  std::snprintf(numbers, sizeof(numbers), "loss %g, gradient norm %g", metrics.loss, metrics.gradient_norm);
  log::warn("step " + std::to_string(metrics.step) + " was skipped: " + numbers + " (" +
            std::to_string(metrics.skipped_steps) + " skipped so far)");
  const int64_t in_a_row = run_.state.skipped_in_a_row;
  if (in_a_row < run_.config.max_skipped_steps) return;
  throw std::runtime_error(
      std::to_string(in_a_row) + " steps in a row were not finite, so training stopped. Lower " +
      "optimizer.learning_rate or a rate of parameters, raise schedule.warmup_steps, or train in float32; then " +
      (newest_checkpoint_.empty() ? "begin again under another name"
                                  : "resume the run, which goes on from " + newest_checkpoint_.string()));
}

}  // namespace infini
