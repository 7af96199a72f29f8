#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "model/causal_language_model.h"
#include "objective/answer_reading.h"
#include "objective/training_batch.h"

namespace infini {

/// Numbers by name, in the order in which they are recorded.
using Metrics = nlohmann::ordered_json;

/// Whether the user has asked the run to stop. Cheap enough to be asked for every chunk.
using StopRequest = std::function<bool()>;

/// What a model learns: gives the batches, and measures how far it has come.
class Objective {
 public:
  virtual ~Objective() = default;

  /// The next batch, on the host. There is no end: a source of finite length begins again in another order.
  virtual TrainingBatch next() = 0;

  /// Where the objective stands, enough to go on exactly; small, and the same for every rank.
  virtual nlohmann::json position() const = 0;
  /// Throws UserError if the position is damaged or belongs to other data or options.
  virtual void seek(const nlohmann::json& position) = 0;

  /// Measures the model on texts that it is not trained on: "loss" (nats a token), "perplexity", "tokens", and what the
  /// objective counts beside. Nothing where a stop was asked for half-way. Throws UserError if there is no such text.
  virtual std::optional<Metrics> validate(CausalLanguageModel& model, const StopRequest& stopped) const = 0;

  /// What a step's record says beside its loss; `answers` are those of the step's batches, where they have any.
  virtual Metrics step_metrics(const std::optional<AnswerMetrics>& /*answers*/) const { return Metrics::object(); }
  /// Takes the answers of a step that has changed the model: what a curriculum goes by.
  virtual void observe(const AnswerMetrics& /*answers*/) {}
  /// The few words of metrics that a progress bar has room for.
  virtual std::string progress_words(const Metrics& /*metrics*/) const { return ""; }
  /// What a run that is over has not reached; empty: nothing.
  virtual std::string unfinished() const { return ""; }
};

}  // namespace infini
