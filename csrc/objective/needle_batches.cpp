#include "objective/needle_batches.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "log/error.h"

namespace infini {
namespace {

constexpr uint32_t kShapes = 0x7368, kRows = 0x726f;

TrainingBatch empty_batch(int64_t rows, int64_t segments, int64_t segment_length) {
  const int64_t length = segments * segment_length;
  TrainingBatch batch;
  batch.tokens = torch::zeros({rows, length}, torch::kInt64);
  batch.targets = torch::full({rows, length}, -1, torch::kInt64);
  batch.weights = torch::zeros({rows, length}, torch::kFloat32);
  batch.starts = torch::zeros({rows, segments}, torch::kBool);
  batch.starts.select(1, 0).fill_(true);
  return batch;
}

/// Writes an example into row `row`, and adds the places of its answer to `answers`.
void fill_row(TrainingBatch& batch, int64_t row, const Example& example, std::vector<std::vector<int64_t>>& answers) {
  const int64_t inputs = example.length() - 1;
  std::vector<int64_t> tokens(static_cast<size_t>(example.length()));
  example.read(0, tokens);
  std::copy_n(tokens.begin(), inputs, batch.tokens[row].data_ptr<int64_t>());
  std::copy_n(tokens.begin() + 1, inputs, batch.targets[row].data_ptr<int64_t>());
  std::vector<int64_t>& places = answers.emplace_back();
  for (int64_t place = example.answer().begin - 1; place < inputs; ++place) places.push_back(place);
  batch.target_count += inputs;
}

/// Sets the weights so that Σ weight · loss / target_count = mean loss of the answer tokens + `language_loss` · mean
/// loss of all other tokens.
void weigh(TrainingBatch& batch, const std::vector<std::vector<int64_t>>& answers, double language_loss) {
  size_t longest = 0;
  int64_t answer_count = 0;
  for (const auto& places : answers) {
    longest = std::max(longest, places.size());
    answer_count += static_cast<int64_t>(places.size());
  }
  const auto rows = static_cast<int64_t>(answers.size());
  batch.answers = torch::full({rows, static_cast<int64_t>(longest)}, -1, torch::kInt64);
  const auto targets = static_cast<double>(batch.target_count);
  const auto others = static_cast<double>(std::max<int64_t>(batch.target_count - answer_count, 1));
  batch.weights.masked_fill_(batch.targets.ge(0), language_loss * targets / others);
  const auto weight = static_cast<float>(targets / static_cast<double>(answer_count));
  for (int64_t row = 0; row < rows; ++row) {
    const auto& places = answers[static_cast<size_t>(row)];
    std::copy(places.begin(), places.end(), batch.answers[row].data_ptr<int64_t>());
    for (const int64_t place : places) batch.weights[row].data_ptr<float>()[place] = weight;
  }
  batch.padding_count = batch.tokens.numel() - batch.target_count;
  if (language_loss > 0) return;
  // Nothing but the answers counts.
  batch.targets_begin = batch.tokens.size(1), batch.targets_end = 0;
  for (const auto& places : answers) {
    batch.targets_begin = std::min(batch.targets_begin, places.front());
    batch.targets_end = std::max(batch.targets_end, places.back() + 1);
  }
}

/// An example, and the smallest number of inputs that it needs.
struct Candidate {
  uint64_t index;
  int64_t inputs;
};

/// The next example, from number `examples` on, that fits into `inputs`. Few examples need more; they are skipped.
Candidate next_fitting(const NeedleTask& task, uint64_t seed, uint64_t& examples, int64_t inputs) {
  while (true) {
    const Candidate candidate{examples, task.shortest_length(seed, examples) - 1};
    ++examples;
    if (candidate.inputs <= inputs) return candidate;
  }
}

double log_uniform(double largest, DeterministicRandom& random) { return std::pow(largest, random.uniform()); }

}  // namespace

NeedleBatches::NeedleBatches(std::shared_ptr<const NeedleTask> task, const NeedleBatchOptions& options)
    : task_(std::move(task)), options_(options) {}

TrainingBatch NeedleBatches::next(const Stage& stage) {
  const int64_t segment_length = options_.segment_length;
  // The number of inputs is one less than the number of tokens. Round it up to whole segments.
  const int64_t fitting = (task_->shortest_length() - 1 + segment_length - 1) / segment_length;
  const int64_t shortest = std::max(stage.shortest, fitting), longest = std::max(stage.longest, fitting);
  const int64_t segments = DeterministicRandom(options_.seed, batches_++, kShapes).between(shortest, longest);
  const int64_t rows = std::max<int64_t>(1, options_.tokens / (segments * segment_length));

  TrainingBatch batch = empty_batch(rows, segments, segment_length);
  if (stage.largest_gain > 1) batch.gain = torch::ones({rows, segments}, torch::kFloat32);
  std::vector<std::vector<int64_t>> answers;
  for (int64_t global_row = 0; global_row < rows * options_.ranks; ++global_row) {
    const auto [index, least] = next_fitting(*task_, options_.seed, examples_, segments * segment_length);
    if (global_row / rows != options_.rank) continue;
    DeterministicRandom random(options_.seed, index, kRows);
    const int64_t inputs =
        random.between(std::max(least, (segments - 1) * segment_length + 1), segments * segment_length);
    const Example example = task_->example(options_.seed, index, inputs + 1);
    const int64_t row = global_row % rows;
    fill_row(batch, row, example, answers);
    if (batch.gain.defined()) set_gain(batch.gain[row], example, stage.largest_gain, random);
  }
  weigh(batch, answers, options_.language_loss);
  return batch;
}

void NeedleBatches::set_gain(const torch::Tensor& row, const Example& example, double largest,
                             DeterministicRandom& random) const {
  const double of_example = log_uniform(largest, random);
  const int64_t segments = row.size(0);
  float* const gain = row.data_ptr<float>();
  for (int64_t segment = 0; segment < segments; ++segment) {
    gain[segment] = static_cast<float>(options_.gain_all ? log_uniform(of_example, random) : of_example);
  }
  if (options_.gain_all) return;
  for (const TokenSpan& evidence : example.evidence()) {
    const int64_t last = std::min((evidence.end - 1) / options_.segment_length, segments - 1);
    for (int64_t segment = evidence.begin / options_.segment_length; segment <= last; ++segment) gain[segment] = 1;
  }
}

TrainingBatch needle_batch(const NeedleTask& task, uint64_t seed, uint64_t& examples, int64_t rows, int64_t segments,
                           int64_t segment_length, double language_loss) {
  TrainingBatch batch = empty_batch(rows, segments, segment_length);
  std::vector<std::vector<int64_t>> answers;
  for (int64_t row = 0; row < rows; ++row) {
    const uint64_t index = next_fitting(task, seed, examples, segments * segment_length).index;
    fill_row(batch, row, task.example(seed, index, segments * segment_length + 1), answers);
  }
  weigh(batch, answers, language_loss);
  return batch;
}

nlohmann::json NeedleBatches::identity() const {
  const NeedleOptions& needles = task_->options();
  return {{"kind", needles.kind},
          {"digits", needles.digits},
          {"needles", needles.needles},
          {"fillers", needles.fillers},
          {"documents", task_->documents_fingerprint()},
          {"segment_length", options_.segment_length},
          {"tokens", options_.tokens * options_.ranks},
          {"seed", options_.seed}};
}

nlohmann::json NeedleBatches::position() const {
  return {{"identity", identity()}, {"batches", batches_}, {"examples", examples_}};
}

void NeedleBatches::seek(const nlohmann::json& position) {
  try {
    const nlohmann::json& theirs = position.at("identity");
    const nlohmann::json now = identity();
    for (const auto& [key, ours] : now.items()) {
      if (theirs.at(key) == ours) continue;
      if (key == "documents") throw UserError("the task's position belongs to other documents than those given now");
      throw UserError("the task's position was saved with " + key + " " + theirs.at(key).dump() + ", now it is " +
                      ours.dump() + "; go on with the same value, or start a new run");
    }
    batches_ = position.at("batches");
    examples_ = position.at("examples");
  } catch (const nlohmann::json::exception& error) {
    throw UserError(std::string("the task's position is damaged: ") + error.what());
  }
}

}  // namespace infini
