#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "model/causal_language_model.h"
#include "objective/answer_reading.h"
#include "objective/training_batch.h"

namespace infini {

/// Numbers by name, in the order of the records.
using Metrics = nlohmann::ordered_json;

/// Whether the user has asked the run to stop. Cheap enough to call for every chunk.
using StopRequest = std::function<bool()>;

/// What a model learns. An objective gives the batches and measures progress.
class Objective {
 public:
  virtual ~Objective() = default;

  /// The next batch, on the host. Batches never end: after the last document the source begins again, in another order.
  virtual TrainingBatch next() = 0;

  /// The position in the data, enough to continue exactly. It is small, and the same for every rank.
  virtual nlohmann::json position() const = 0;
  /// Throws UserError if the position is damaged or belongs to other data or options.
  virtual void seek(const nlohmann::json& position) = 0;

  /// Measures the model on texts that are not in the training: "loss" (nats per token), "perplexity", "tokens", and the
  /// objective's own numbers. Empty if a request to stop came before the end. Throws UserError if there is no such
  /// text.
  virtual std::optional<Metrics> validate(CausalLanguageModel& model, const StopRequest& stopped) const = 0;

  /// The objective's own numbers for the record of a step. `answers` has the answers of the step's batches, if there
  /// are any.
  virtual Metrics step_metrics(const std::optional<AnswerMetrics>& /*answers*/) const { return Metrics::object(); }
  /// Takes the answers of a step that has changed the model. A curriculum decides by them.
  virtual void observe(const AnswerMetrics& /*answers*/) {}
  /// The few words of metrics that a progress bar has room for.
  virtual std::string progress_words(const Metrics& /*metrics*/) const { return ""; }
  /// What a run that is over has not reached; empty: nothing.
  virtual std::string unfinished() const { return ""; }
};

}  // namespace infini
