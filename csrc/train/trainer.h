#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "train/metrics_writer.h"
#include "train/run.h"
#include "train/run_folder.h"
#include "train/signal_flag.h"
#include "train/tensorboard_writer.h"

namespace infini {

struct TrainingOutcome {
  int64_t step = 0;                  ///< steps done
  bool finished = false;             ///< true: all steps are done, or a metric stopped improving; false: a signal came
  std::filesystem::path checkpoint;  ///< the newest one
  std::optional<BestCheckpoint> best;  ///< if a metric is watched
};

/// One training run, in the folder output_folder/name.
class Trainer {
 public:
  /// Makes the run that `config` describes. With `resume` it continues from its newest undamaged checkpoint, on a CPU
  /// bit for bit. If it has no checkpoint, it begins. A refused run leaves no folder. Throws UserError.
  Trainer(const TrainConfig& config, bool resume, const Ranks& ranks = {});

  /// Trains to the last step. A request to stop (SignalFlag) ends the training within a few seconds, with a checkpoint.
  /// Throws std::runtime_error if max_skipped_steps steps in a row were not finite, or if a file cannot be written.
  TrainingOutcome run();

  /// The configuration, including the values that came from the data.
  const TrainConfig& config() const { return run_.config; }
  const CausalLanguageModel& model() const { return *run_.model; }
  const std::filesystem::path& folder() const { return folder_.path(); }
  /// Steps done.
  int64_t step() const { return run_.state.step; }

 private:
  bool over() const;
  /// The batches of one step, still on the host.
  std::vector<TrainingBatch> next_batches();
  StepMetrics train_step();
  /// Nothing if a stop was asked for meanwhile.
  std::optional<Metrics> validate();
  /// Makes up for a validation that a stop has cut short.
  void validate_last_step();
  void record(const StepMetrics& metrics);
  void save();
  /// Throws std::runtime_error if too many steps in a row were skipped.
  void warn_of_skip(const StepMetrics& metrics) const;

  SignalFlag signals_;  ///< first, since it must exist before other threads start
  RunFolder folder_;
  Run run_;
  std::optional<MetricsWriter> metrics_;
  std::optional<TensorboardWriter> tensorboard_;
  std::filesystem::path newest_checkpoint_;
};

}  // namespace infini
