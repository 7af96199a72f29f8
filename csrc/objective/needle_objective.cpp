#include "objective/needle_objective.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "log/error.h"

namespace infini {
namespace {

std::shared_ptr<const NeedleTask> make_task(const NeedleObjectiveOptions& options,
                                            std::shared_ptr<const Tokenizer> tokenizer) {
  auto task = std::make_shared<const NeedleTask>(options.needles, std::move(tokenizer));
  const int64_t inputs = task->shortest_length() - 1;
  if (inputs > options.train_length) {
    throw UserError("train_length is " + std::to_string(options.train_length) + ", but an example of task " +
                    options.needles.kind + " has " + std::to_string(inputs) + " tokens or more");
  }
  return task;
}

void add_answers(Metrics& metrics, const AnswerMetrics& answers) {
  metrics["answer_loss"] = answers.loss;
  metrics["answer_accuracy"] = answers.accuracy;
  metrics["exact_match"] = answers.exact_match;
}

}  // namespace

NeedleObjective::NeedleObjective(const NeedleObjectiveOptions& options, std::shared_ptr<const Tokenizer> tokenizer)
    : options_(options),
      task_(make_task(options, std::move(tokenizer))),
      batches_(task_, options.batches),
      curriculum_(options.curriculum, options.gain, options.train_length / options.batches.segment_length) {}

TrainingBatch NeedleObjective::next() {
  TrainingBatch batch = batches_.next(curriculum_.stage());
  segments_ = batch.starts.size(1);
  return batch;
}

nlohmann::json NeedleObjective::position() const {
  return {{"batches", batches_.position()}, {"curriculum", curriculum_.state()}};
}

void NeedleObjective::seek(const nlohmann::json& position) {
  try {
    batches_.seek(position.at("batches"));
    curriculum_.load_state(position.at("curriculum"));
  } catch (const nlohmann::json::exception& error) {
    throw UserError(std::string("the task's position is damaged: ") + error.what());
  }
}

std::optional<Metrics> NeedleObjective::validate(CausalLanguageModel& model, const StopRequest& stopped) const {
  const torch::NoGradGuard no_graph;
  const int64_t segment_length = options_.batches.segment_length, rows = options_.validation_rows;
  const int64_t segments = options_.train_length / segment_length, length = segments * segment_length;
  const int64_t chunk_length = options_.segments_per_chunk * segment_length;
  const uint64_t seed = ~options_.batches.seed;  // another seed gives other examples than training
  torch::Tensor loss = torch::zeros({}, torch::device(model.device()).dtype(torch::kFloat64));
  std::vector<AnswerReading> answers;
  int64_t tokens = 0;
  uint64_t examples = 0;
  while (answers.empty() || tokens < options_.validation_tokens) {
    const TrainingBatch batch = to_device(
        needle_batch(*task_, seed, examples, rows, segments, segment_length, /*language_loss=*/1), model.device());
    ContextState state = model.empty_state(rows);
    AnswerReading reading;
    for (int64_t begin = 0; begin < length; begin += chunk_length) {
      if (stopped()) return std::nullopt;
      const int64_t count = std::min(chunk_length, length - begin);
      const torch::Tensor targets = batch.targets.narrow(1, begin, count);
      ForwardResult result = model.forward(batch.tokens.narrow(1, begin, count), state);
      loss += model.loss(result.hidden, targets);
      reading.add(read_answers(model, result.hidden, targets, batch.answers, begin));
      state = std::move(result.state);
    }
    answers.push_back(reading);
    tokens += batch.target_count;
  }
  const double mean_loss = loss.item<double>() / static_cast<double>(tokens);
  Metrics metrics{{"loss", mean_loss}, {"perplexity", std::exp(mean_loss)}, {"tokens", tokens}};
  const torch::Tensor totals = answer_totals(answers).to(torch::kCPU, torch::kFloat64);
  add_answers(metrics, answer_metrics(totals.const_data_ptr<double>()));
  return metrics;
}

Metrics NeedleObjective::step_metrics(const std::optional<AnswerMetrics>& answers) const {
  Metrics metrics{{"stage", curriculum_.number()}, {"segments", segments_}};
  if (answers) add_answers(metrics, *answers);
  return metrics;
}

std::string NeedleObjective::progress_words(const Metrics& metrics) const {
  char text[96];
  std::snprintf(text, sizeof(text), "answers %.4f, %.0f%% right", metrics.at("answer_loss").get<double>(),
                100 * metrics.at("exact_match").get<double>());
  std::string words = text;
  if (metrics.contains("stage")) words += ", stage " + metrics.at("stage").dump();
  return words;
}

std::string NeedleObjective::unfinished() const {
  if (curriculum_.number() == curriculum_.stages()) return "";
  return "training ended in stage " + std::to_string(curriculum_.number()) + " of " +
         std::to_string(curriculum_.stages()) + ": the answer loss did not fall below curriculum.until_loss";
}

}  // namespace infini
