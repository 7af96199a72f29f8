#pragma once

#include <memory>

#include "objective/curriculum.h"
#include "objective/needle_batches.h"
#include "objective/objective.h"

namespace infini {

struct NeedleObjectiveOptions {
  NeedleOptions needles = {};
  NeedleBatchOptions batches = {};
  CurriculumConfig curriculum = {};
  MemoryGainConfig gain = {};
  int64_t train_length = 2048;     ///< the most tokens in a sequence
  int64_t validation_rows = 1;     ///< examples read side by side
  int64_t validation_tokens = 0;   ///< at least this many are read, and at least one batch
  int64_t segments_per_chunk = 1;  ///< in a forward pass of validation
};

/// Answering questions about needles in a haystack, through the stages of a curriculum.
class NeedleObjective : public Objective {
 public:
  /// Throws UserError if train_length has no room for an example.
  NeedleObjective(const NeedleObjectiveOptions& options, std::shared_ptr<const Tokenizer> tokenizer);

  TrainingBatch next() override;
  nlohmann::json position() const override;
  void seek(const nlohmann::json& position) override;
  std::optional<Metrics> validate(CausalLanguageModel& model, const StopRequest& stopped) const override;
  Metrics step_metrics(const std::optional<AnswerMetrics>& answers) const override;
  void observe(const AnswerMetrics& answers) override { curriculum_.observe(answers.loss); }
  std::string progress_words(const Metrics& metrics) const override;
  std::string unfinished() const override;

 private:
  NeedleObjectiveOptions options_;
  std::shared_ptr<const NeedleTask> task_;
  NeedleBatches batches_;
  Curriculum curriculum_;
  int64_t segments_ = 0;  ///< in the last batch
};

}  // namespace infini
