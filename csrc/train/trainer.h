#pragma once

#include <torch/torch.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/batch_source.h"
#include "data/token_dataset.h"
#include "model/causal_language_model.h"
#include "objective/needle_task.h"
#include "text/tokenizer.h"
#include "train/curriculum.h"
#include "train/early_stop.h"
#include "train/metrics_writer.h"
#include "train/optimizer.h"
#include "train/run_folder.h"
#include "train/signal_flag.h"
#include "train/tensorboard_writer.h"
#include "train/train_config.h"
#include "train/training_state.h"

namespace infini {

struct TrainingOutcome {
  int64_t step = 0;                  ///< steps done
  bool finished = false;             ///< all steps are done, or a metric stopped improving; false: a signal came
  std::filesystem::path checkpoint;  ///< the newest one
};

/// One training run, in the folder output_folder/name.
class Trainer {
 public:
  /// `config` is resolved (resolve_config) and `config_yaml` is it as text, which the run keeps. With `resume` the run
  /// goes on from its newest sound checkpoint, bit for bit, or begins if it has none. Throws UserError.
  Trainer(const TrainConfig& config, const std::string& config_yaml, bool resume);

  /// Trains to the last step. SIGINT or SIGTERM end it after the step under way, with a checkpoint. Throws
  /// std::runtime_error if max_skipped_steps in a row were not finite, or a file cannot be written.
  TrainingOutcome run();

  const CausalLanguageModel& model() const { return *model_; }

 private:
  using Clock = std::chrono::steady_clock;

  void restore(const std::filesystem::path& checkpoint);
  /// The batches of one step, still on the host.
  std::vector<Batch> next_batches();
  StepMetrics step();
  ValidationMetrics validate();
  ValidationMetrics validate_answers();
  std::filesystem::path save_checkpoint();
  void remember_skip(const StepMetrics& metrics);

  SignalFlag signals_;  ///< before anything that starts threads
  TrainConfig config_;
  torch::Device device_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::shared_ptr<const NeedleTask> task_;       ///< null where documents are modelled
  std::optional<TokenDataset> validation_data_;  ///< of documents
  std::unique_ptr<BatchSource> source_;
  Curriculum curriculum_;
  EarlyStop early_stop_;
  RunFolder folder_;
  std::shared_ptr<CausalLanguageModel> model_;
  std::unique_ptr<Optimizer> optimizer_;
  TrainingState state_;  ///< its tensors and position are filled in for a checkpoint only, but for `carried`
  std::filesystem::path newest_checkpoint_;
  std::optional<MetricsWriter> metrics_;
  std::optional<TensorboardWriter> tensorboard_;
};

}  // namespace infini
