#include "train/trainer.h"

#include <ATen/Parallel.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "io/atomic_folder.h"
#include "checkpoint/checkpoint.h"
#include "data/batches.h"
#include "log/error.h"
#include "log/log.h"
#include "log/progress.h"
#include "model/loading.h"
#include "model/memory_diagnostics.h"
#include "objective/task_batches.h"
#include "train/device.h"
#include "train/gradient_clipping.h"
#include "train/learning_rate_schedule.h"
#include "train/resolve_config.h"
#include "train/segment_schedule.h"
#include "train/step_readings.h"
#include "train/validation.h"

namespace infini {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<const NeedleTask> make_task(const TrainConfig& config, std::shared_ptr<const Tokenizer> tokenizer) {
  if (!config.has_task()) return nullptr;
  NeedleOptions options;
  options.kind = config.task.kind;
  options.digits = config.task.digits;
  options.needles = config.task.needles;
  options.fillers = config.task.fillers;
  if (config.task.documents) options.documents = config.data.path / "train";
  auto task = std::make_shared<const NeedleTask>(options, std::move(tokenizer));
  if (task->shortest_length() - 1 > config.train_length) {
    throw UserError("train_length is " + std::to_string(config.train_length) + ", but an example of task " +
                    config.task.kind + " has " + std::to_string(task->shortest_length() - 1) + " tokens or more");
  }
  return task;
}

std::unique_ptr<BatchSource> make_source(const TrainConfig& config, std::shared_ptr<const NeedleTask> task) {
  if (task) {
    TaskBatchOptions options;
    options.segment_length = config.segment_length();
    options.tokens = config.batch_rows * config.train_length;
    options.language_loss = config.task.language_loss;
    options.gain_all = config.memory_gain.segments == "all";
    options.seed = config.seed;
    return std::make_unique<TaskStream>(std::move(task), options);
  }
  BatchOptions options;
  options.rows = config.batch_rows;
  options.segment_length = config.segment_length();
  options.segments_per_row = config.segments_per_row();
  options.whole_documents = config.carry_memory;
  options.seed = config.seed;
  return std::make_unique<BatchStream>(TokenDataset(config.data.path / "train"), options);
}

bool is_due(int64_t step, int64_t every) { return every > 0 && step % every == 0; }

std::string format(const char* pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), pattern, value);
  return text;
}

/// A bar on a terminal; elsewhere a line every `every` steps.
class StepDisplay {
 public:
  StepDisplay(int64_t steps, int64_t done, int64_t every) : steps_(steps), first_(done), every_(every) {
    if (isatty(STDERR_FILENO) != 0) bar_.emplace("train", steps, "steps", done);
  }

  void show(const StepMetrics& metrics) {
    std::string detail =
        "loss " + format("%.4f", metrics.loss) + ", " + format("%.0f tokens/s", metrics.tokens_per_second);
    if (metrics.task) {
      detail += ", answers " + format("%.4f", metrics.task->answer_loss) + ", " +
                format("%.0f%% right", 100 * metrics.task->exact_match) + ", stage " + std::to_string(metrics.stage);
    }
    if (bar_) {
      bar_->update(metrics.step, detail);
    } else if (is_due(metrics.step, every_) || metrics.step == steps_) {
      const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin_;
      const double rate = static_cast<double>(metrics.step - first_) / elapsed.count();
      log::info(progress_line({"train", "steps", metrics.step, steps_, rate, detail}));
    }
    if (metrics.validation && !bar_) {
      log::info(
          "validation after step " + std::to_string(metrics.step) + ": loss " +
          format("%.4f", metrics.validation->loss) + ", perplexity " + format("%.3f", metrics.validation->perplexity) +
          (metrics.validation->task ? ", answers right " + format("%.1f%%", 100 * metrics.validation->task->exact_match)
                                    : ""));
    }
  }

 private:
  int64_t steps_, first_, every_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::optional<Progress> bar_;
};

}  // namespace

Trainer::Trainer(const TrainConfig& config, const std::string& config_yaml, bool resume)
    : config_(config),
      device_(choose_device(config.device)),
      tokenizer_(tokenizer_of(config)),
      task_(make_task(config, tokenizer_)),
      source_(make_source(config, task_)),
      curriculum_(config.curriculum, config.memory_gain, config.segments_per_row()),
      early_stop_(config.early_stop),
      folder_(config.output_folder / config.name, resume) {
  if (config_.validation.every > 0 && !task_) validation_data_.emplace(config_.data.path / "validation");
  state_.threads = config_.threads > 0 ? config_.threads : static_cast<int64_t>(std::thread::hardware_concurrency());
  state_.seed = config_.seed;
  at::set_num_threads(static_cast<int>(state_.threads));
  torch::manual_seed(config_.seed);

  model_ = std::make_shared<CausalLanguageModel>(config_.model, config_.gate.initial_beta);
  model_->to(device_);
  model_->set_compute_dtype(config_.precision == "bfloat16" ? torch::kBFloat16 : torch::kFloat32);
  optimizer_ = make_optimizer(*model_, config_.optimizer);
  if (config_.carry_memory) state_.carried = model_->empty_state(config_.batch_rows);

  if (const fs::path checkpoint = folder_.newest_sound_checkpoint(); !checkpoint.empty()) {
    restore(checkpoint);
  } else if (!config_.initial_checkpoint.empty()) {
    set_model_weights(*model_, read_checkpoint(config_.initial_checkpoint).weights, config_.initial_checkpoint,
                      config_.gate.initial_beta);
  }
  folder_.write_config(config_yaml);
  metrics_.emplace(folder_.metrics(), state_.step);
  tensorboard_.emplace(folder_.tensorboard(), state_.step + 1);
}

void Trainer::restore(const fs::path& checkpoint) {
  const CheckpointFiles files = read_checkpoint(checkpoint);
  require_same_model(config_.model, files.config, checkpoint.string(), /*memory_too=*/true);
  set_model_weights(*model_, files.weights, checkpoint);

  const TrainingState saved = read_training_state(checkpoint);
  if (saved.seed != config_.seed) {
    throw UserError("seed is " + std::to_string(config_.seed) + " in the configuration, but " +
                    std::to_string(saved.seed) + " in " + checkpoint.string() + "; resume with the same seed");
  }
  if (saved.step > config_.steps) {
    throw UserError("steps is " + std::to_string(config_.steps) + ", but the run has done " +
                    std::to_string(saved.step) + " already; resume with as many or more");
  }
  if (saved.threads != state_.threads) {
    log::warn(checkpoint.string() + " was written with " + std::to_string(saved.threads) + " threads, this run has " +
              std::to_string(state_.threads) +
              ": sums are rounded in another order, so results differ in the last bits" +
              " (--set threads=" + std::to_string(saved.threads) + " continues exactly)");
  }
  if (config_.carry_memory == saved.carried.memory.empty()) {
    throw UserError(std::string("carry_memory is ") + (config_.carry_memory ? "true" : "false") +
                    " in the configuration, but was not in " + checkpoint.string() + "; resume with the same value");
  }
  optimizer_->load_state(saved.optimizer, checkpoint.string());
  try {
    source_->seek(saved.data_position);
    curriculum_.load_state(saved.curriculum);
    early_stop_.load_state(saved.early_stop);
  } catch (const UserError& error) {
    throw UserError("cannot resume from " + checkpoint.string() + ": " + error.what());
  }
  set_random_state(saved.random, device_);
  state_.carried = saved.carried.to(device_);
  state_.step = saved.step;
  state_.tokens = saved.tokens;
  state_.skipped_steps = saved.skipped_steps;
  state_.skipped_in_a_row = saved.skipped_in_a_row;
  newest_checkpoint_ = checkpoint;
  log::info("resumed from " + checkpoint.string());
}

std::vector<Batch> Trainer::next_batches() {
  std::vector<Batch> batches;
  for (int64_t i = 0; i < config_.accumulation; ++i) {
    batches.push_back(source_->next(curriculum_.stage()));
    if (config_.model.memory.segment_length == 0) batches.back().starts = torch::Tensor();
  }
  return batches;
}

StepMetrics Trainer::step() {
  const Clock::time_point begin = Clock::now();
  StepMetrics metrics;
  metrics.step = state_.step + 1;
  metrics.stage = curriculum_.number();
  const double fraction = learning_rate_fraction(metrics.step, config_.steps, config_.schedule);
  metrics.learning_rate = config_.optimizer.learning_rate * fraction;
  metrics.gate_learning_rate = config_.gate.learning_rate * fraction;

  const std::vector<Batch> batches = next_batches();
  int64_t target_count = 0, token_count = 0, padding_count = 0;
  for (const Batch& batch : batches) {
    target_count += batch.target_count;
    token_count += batch.tokens.numel();
    padding_count += batch.padding_count;
  }

  const ScheduleOptions options{config_.segments_per_chunk,
                                config_.border_states == "host" ? BorderStates::host : BorderStates::device};
  zero_gradients(*model_);
  MemoryState memory = state_.carried;
  torch::Tensor loss = torch::zeros({}, torch::TensorOptions(device_));
  std::optional<MemoryDiagnostics> diagnostics;
  std::vector<AnswerReading> answers;
  for (size_t i = 0; i < batches.size(); ++i) {
    if (!config_.carry_memory) memory = model_->empty_state(batches[i].tokens.size(0));
    const Batch batch = to_device(batches[i], device_);
    ScheduleResult result = run_schedule(*model_, batch, memory, target_count, options);
    loss += result.loss;
    if (result.answers) answers.push_back(*result.answers);
    memory = std::move(result.state);
    if (i + 1 == batches.size() && is_due(metrics.step, config_.logging.gates_every)) {
      // The last chunk is where the memory holds most.
      const int64_t first = result.last_chunk_begin;
      const auto from_there = [&](const torch::Tensor& of_segments) -> std::optional<torch::Tensor> {
        if (!of_segments.defined()) return std::nullopt;
        return of_segments.slice(1, first / config_.segment_length());
      };
      diagnostics = diagnose(*model_, batch.tokens.slice(1, first), result.last_chunk_state, from_there(batch.starts),
                             from_there(batch.gain));
    }
  }
  const torch::Tensor norm = clip_gradients(gradients(*model_), config_.gradient_clip);

  StepReadings readings = synchronise(loss, norm, diagnostics, answers);
  metrics.skipped = !readings.finite();
  if (!metrics.skipped) {
    optimizer_->step({metrics.learning_rate, metrics.gate_learning_rate});
    if (config_.carry_memory) state_.carried = std::move(memory);
  } else if (config_.carry_memory) {
    // The documents go on behind the step, or others have begun: of neither is what was carried the memory.
    state_.carried = model_->empty_state(config_.batch_rows);
  }

  if (readings.task && !metrics.skipped) curriculum_.observe(readings.task->answer_loss);

  state_.step = metrics.step;
  state_.tokens += token_count - padding_count;
  state_.skipped_steps += metrics.skipped ? 1 : 0;
  state_.skipped_in_a_row = metrics.skipped ? state_.skipped_in_a_row + 1 : 0;

  metrics.tokens = state_.tokens;
  metrics.loss = readings.loss;
  metrics.gradient_norm = readings.gradient_norm;
  metrics.task = readings.task;
  metrics.segments = batches.back().tokens.size(1) / config_.segment_length();
  metrics.gates = std::move(readings.gates);
  metrics.memory_share = std::move(readings.memory_share);
  metrics.padding_share = static_cast<double>(padding_count) / static_cast<double>(token_count);
  metrics.skipped_steps = state_.skipped_steps;
  metrics.peak_memory_bytes = peak_memory_bytes(device_);
  const std::chrono::duration<double> elapsed = Clock::now() - begin;
  metrics.tokens_per_second = static_cast<double>(token_count - padding_count) / elapsed.count();
  return metrics;
}

ValidationMetrics Trainer::validate_answers() {
  // Examples of another seed are others.
  const TaskValidation result =
      validate_task(*model_, *task_, ~config_.seed, config_.batch_rows, config_.segments_per_row(),
                    config_.segment_length(), config_.segments_per_chunk, config_.validation.tokens);
  ValidationMetrics metrics;
  metrics.task = synchronise(result.answers);
  metrics.loss = synchronise(result.loss.sum) / static_cast<double>(result.loss.tokens);
  metrics.perplexity = std::exp(metrics.loss);
  metrics.tokens = result.loss.tokens;
  return metrics;
}

ValidationMetrics Trainer::validate() {
  if (task_) return validate_answers();
  const bool segmented = config_.model.memory.segment_length > 0;
  const int64_t chunk_length = config_.segment_length() * (segmented ? config_.segments_per_chunk : 1);
  const ValidationLoss loss = validation_loss(*model_, *validation_data_, chunk_length, config_.validation.tokens);
  if (loss.tokens == 0) {
    throw UserError((config_.data.path / "validation").string() + " holds no document of two tokens or more; prepare " +
                    "one, or set validation.every to 0");
  }
  ValidationMetrics metrics;
  metrics.loss = synchronise(loss.sum) / static_cast<double>(loss.tokens);
  metrics.perplexity = std::exp(metrics.loss);
  metrics.tokens = loss.tokens;
  return metrics;
}

fs::path Trainer::save_checkpoint() {
  // On disk the metrics never lag behind a checkpoint: a resumed run keeps its lines.
  metrics_->sync();
  AtomicFolder checkpoint(folder_.checkpoint(state_.step));
  write_checkpoint(checkpoint.path(), model_config_to_json(config_.model), model_weights(*model_));
  tokenizer_->save(checkpoint.path());
  TrainingState state = state_;
  state.data_position = source_->position();
  state.curriculum = curriculum_.state();
  state.early_stop = early_stop_.state();
  state.optimizer = optimizer_->state();
  state.random = random_state(device_);
  write_training_state(checkpoint.path(), state);
  checkpoint.commit();
  remove_old_checkpoints(folder_.checkpoints(), config_.checkpoint.keep_last);
  return folder_.checkpoint(state_.step);
}

void Trainer::remember_skip(const StepMetrics& metrics) {
  log::warn("step " + std::to_string(metrics.step) + " was skipped: loss " + format("%g", metrics.loss) +
            ", gradient norm " + format("%g", metrics.gradient_norm) + " (" + std::to_string(metrics.skipped_steps) +
            " skipped so far)");
  if (state_.skipped_in_a_row < config_.max_skipped_steps) return;
  throw std::runtime_error(
      std::to_string(state_.skipped_in_a_row) + " steps in a row were not finite, so training stopped. Lower " +
      "optimizer.learning_rate or gate.learning_rate, raise schedule.warmup_steps, or train in float32; then " +
      (newest_checkpoint_.empty() ? "begin again under another name"
                                  : "continue from " + newest_checkpoint_.string() + " with --resume"));
}

TrainingOutcome Trainer::run() {
  StepDisplay display(config_.steps, state_.step, config_.logging.every);
  bool stop = false;
  while (state_.step < config_.steps && !stop && !early_stop_.reached()) {
    StepMetrics metrics = step();
    const bool last = metrics.step == config_.steps;
    if (config_.validation.every > 0 && (is_due(metrics.step, config_.validation.every) || last)) {
      metrics.validation = validate();
      early_stop_.observe(*metrics.validation);
    }
    metrics_->write(metrics);
    if (is_due(metrics.step, config_.logging.every) || !metrics.gates.empty() || metrics.validation || last) {
      tensorboard_->write(metrics);
    }
    display.show(metrics);
    if (metrics.skipped) remember_skip(metrics);
    stop = signals_.signal() != 0 || early_stop_.reached();
    if (is_due(metrics.step, config_.checkpoint.every) || last || stop) {
      newest_checkpoint_ = save_checkpoint();
    }
  }
  if (task_ && state_.step >= config_.steps && curriculum_.number() < curriculum_.stages()) {
    log::warn("training ended in stage " + std::to_string(curriculum_.number()) + " of " +
              std::to_string(curriculum_.stages()) + ": the answer loss did not fall below curriculum.until_loss");
  }
  return {state_.step, state_.step >= config_.steps || early_stop_.reached(), newest_checkpoint_};
}

}  // namespace infini
