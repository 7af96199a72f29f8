#include "train/backpropagation.h"

#include <gtest/gtest.h>

#include "model/cache_attention.h"
#include "model/causal_language_model.h"
#include "model/every_kind.h"
#include "model/memory_kinds.h"

namespace infini {
namespace {

using torch::Tensor;

constexpr int64_t kSegmentLength = 5;
constexpr int64_t kSegments = 5;
constexpr int64_t kRows = 2;
constexpr int64_t kVocabulary = 23;

/// Two rows. The second row begins a new document in its fourth segment. Some targets are masked.
TrainingBatch made_up_batch() {
  torch::manual_seed(4);
  TrainingBatch batch;
  batch.tokens = torch::randint(kVocabulary, {kRows, kSegments * kSegmentLength}, torch::kInt64);
  batch.targets = torch::randint(kVocabulary, {kRows, kSegments * kSegmentLength}, torch::kInt64);
  batch.targets.index_put_({0, torch::indexing::Slice(9, 12)}, -1);
  batch.starts = torch::zeros({kRows, kSegments}, torch::kBool);
  batch.starts[1][3] = true;
  batch.target_count = batch.targets.ge(0).sum().item<int64_t>();
  return batch;
}

/// The same batch in the form of a task: with weights, gains and answers. Chunks have two segments, and the answers are
/// in the second and the last chunk.
TrainingBatch made_up_batch_with_answers(const CausalLanguageModel& model) {
  TrainingBatch batch = made_up_batch();
  batch.weights = torch::rand({kRows, kSegments * kSegmentLength}, torch::kFloat64);
  if (find_memory_kind(model.config().memory.kind).has_gain) {
    batch.gain = torch::rand({kRows, kSegments}, torch::kFloat64) * 3 + 1;
  }
  batch.answers = torch::tensor({11, 23, 24, 15, 16, -1}, torch::kInt64).view({kRows, 3});
  return batch;
}

/// A memory that is not empty, as with carry_memory.
ContextState made_up_state(CausalLanguageModel& model) {
  const torch::NoGradGuard no_graph;
  return model.forward(random_tokens(kRows, 3 * kSegmentLength, kVocabulary, 5), model.empty_state(kRows)).state;
}

struct Outcome {
  Tensor loss;
  std::vector<std::pair<std::string, Tensor>> gradients;
  ContextState state;
};

void take_gradients(CausalLanguageModel& model, Outcome& outcome) {
  for (const auto& item : model.named_parameters()) {
    Tensor gradient = item.value().grad();
    outcome.gradients.emplace_back(item.key(), gradient.defined() ? gradient.clone() : torch::zeros_like(item.value()));
    item.value().mutable_grad() = Tensor();
  }
}

/// Computes everything in one graph, not chunk by chunk.
Outcome one_graph(CausalLanguageModel& model, const TrainingBatch& batch, const ContextState& state) {
  const ForwardResult forward = model.forward(batch.tokens, state, {batch.starts, batch.gain, batch.segment_lengths});
  const auto count = static_cast<double>(batch.target_count);
  const Tensor loss = model.loss(forward.hidden, batch.targets, batch.weights) / count;
  (forward.auxiliary_loss.defined() ? loss + forward.auxiliary_loss / count : loss).backward();
  Outcome outcome{loss.detach(), {}, forward.state.detached()};
  take_gradients(model, outcome);
  return outcome;
}

Outcome scheduled(CausalLanguageModel& model, const TrainingBatch& batch, const ContextState& state,
                  const BackpropagationOptions& options) {
  const BackpropagationResult result = backpropagate(model, batch, state, batch.target_count, options);
  Outcome outcome{result.loss, {}, result.state};
  take_gradients(model, outcome);
  return outcome;
}

double relative_difference(const Tensor& value, const Tensor& expected) {
  const Tensor exact = expected.to(torch::kFloat64);
  return ((value.to(torch::kFloat64) - exact).norm() / exact.norm().clamp_min(1e-300)).item<double>();
}

void expect_same(const Outcome& outcome, const Outcome& expected) {
  EXPECT_LT(relative_difference(outcome.loss, expected.loss), 1e-10);
  for (size_t i = 0; i < expected.gradients.size(); ++i) {
    const auto& [name, gradient] = expected.gradients[i];
    EXPECT_LT(relative_difference(outcome.gradients[i].second, gradient), 1e-10) << name;
  }
  for (const auto& [name, tensor] : expected.state.tensors) {
    EXPECT_LT(relative_difference(outcome.state[name], tensor.value), 1e-10) << name;
  }
}

class Backpropagation : public ::testing::TestWithParam<ModelConfig> {};

TEST_P(Backpropagation, GivesLossAndGradientsOfOneGraphForEveryChunkLength) {
  const auto model = double_model(GetParam());
  for (const TrainingBatch& batch : {made_up_batch(), made_up_batch_with_answers(*model)}) {
    std::vector<ContextState> states{model->empty_state(kRows)};
    if (model->depends_on_earlier_segments()) states.push_back(made_up_state(*model));
    for (const ContextState& state : states) {
      const Outcome expected = one_graph(*model, batch, state);
      for (const int64_t segments_per_chunk : {int64_t{1}, int64_t{2}, int64_t{3}, kSegments, 2 * kSegments}) {
        SCOPED_TRACE("segments_per_chunk " + std::to_string(segments_per_chunk));
        expect_same(scheduled(*model, batch, state, {segments_per_chunk, BorderStates::device}), expected);
        expect_same(scheduled(*model, batch, state, {segments_per_chunk, BorderStates::host}), expected);
      }
    }
  }
}

TEST_P(Backpropagation, ReadsTheAnswersWhereverAChunkEnds) {
  const auto model = double_model(GetParam());
  const TrainingBatch batch = made_up_batch_with_answers(*model);
  const torch::NoGradGuard no_graph;
  const Tensor hidden = model->forward(batch.tokens, model->empty_state(kRows), {batch.starts, batch.gain}).hidden;
  const AnswerReading expected = read_answers(*model, hidden, batch.targets, batch.answers, 0);
  for (const int64_t segments_per_chunk : {1, 2, 5}) {
    const torch::AutoGradMode graph(true);
    const BackpropagationResult result = backpropagate(*model, batch, model->empty_state(kRows), batch.target_count,
                                                       {segments_per_chunk, BorderStates::device});
    EXPECT_NEAR(result.answers->loss.item<double>(), expected.loss.item<double>(), 1e-5);
    EXPECT_TRUE(result.answers->correct.equal(expected.correct));
    EXPECT_EQ(result.answers->count.sum().item<int64_t>(), 5);
  }
}

TEST_P(Backpropagation, TakesASequenceWhoseLastSegmentIsPartial) {
  const auto model = double_model(GetParam());
  TrainingBatch batch = made_up_batch();
  batch.tokens = batch.tokens.slice(1, 0, kSegments * kSegmentLength - 3);
  batch.targets = batch.targets.slice(1, 0, kSegments * kSegmentLength - 3);
  const Outcome expected = one_graph(*model, batch, model->empty_state(kRows));
  expect_same(scheduled(*model, batch, model->empty_state(kRows), {2, BorderStates::device}), expected);
}

std::vector<ModelConfig> segmented_models() {
  std::vector<ModelConfig> configs = every_segmented_kind();
  for (const ModelConfig& config : every_memory_with_depth()) configs.push_back(config);
  return configs;
}

INSTANTIATE_TEST_SUITE_P(EveryKind, Backpropagation, ::testing::ValuesIn(segmented_models()), [](const auto& info) {
  return info.param.memory.kind + "_" + info.param.memory.update + (info.param.depth.capacity < 1 ? "_depth" : "") +
         (info.param.short_convolution > 0 ? "_convolution" + std::to_string(info.param.short_convolution) : "");
});

TEST(Backpropagation, CutsSegmentsOfDifferentLengthsWhereTheyEnd) {
  ModelConfig config = tiny_config("none");
  config.memory.kind = "autocompressors";
  config.memory.summary_tokens = 2;
  const auto model = double_model(config);
  TrainingBatch batch = made_up_batch();
  batch.segment_lengths = {7, 3, 5, 4, 6};
  const Outcome expected = one_graph(*model, batch, model->empty_state(kRows));
  for (const int64_t segments_per_chunk : {1, 2, 5}) {
    expect_same(scheduled(*model, batch, model->empty_state(kRows), {segments_per_chunk, BorderStates::device}),
                expected);
  }
  batch.segment_lengths = {};
  EXPECT_GT(relative_difference(one_graph(*model, batch, model->empty_state(kRows)).loss, expected.loss), 1e-6);
}

TEST(Backpropagation, CarriesGradientFromTheLastSegmentToTheFirst) {
  const auto model = double_model(tiny_config("linear"));
  TrainingBatch batch = made_up_batch();
  batch.starts.fill_(false);
  batch.targets.slice(1, 0, (kSegments - 1) * kSegmentLength).fill_(-1);
  batch.target_count = kRows * kSegmentLength;
  // This token is only in the first segment, so its gradient comes only through the memory.
  batch.tokens.clamp_max_(kVocabulary - 2);
  batch.tokens[0][1] = kVocabulary - 1;
  backpropagate(*model, batch, model->empty_state(kRows), batch.target_count, {1, BorderStates::device});
  const Tensor weight = model->named_parameters()["model.embed_tokens.weight"];
  // Compare the gradient of this token's embedding with finite differences of the loss.
  const Tensor gradient = weight.grad()[kVocabulary - 1].clone();
  const auto loss = [&] {
    const torch::NoGradGuard no_graph;
    const ForwardResult forward = model->forward(batch.tokens, model->empty_state(kRows), {batch.starts});
    return model->loss(forward.hidden, batch.targets).item<double>() / static_cast<double>(batch.target_count);
  };
  const torch::NoGradGuard no_graph;
  for (int64_t column = 0; column < weight.size(1); ++column) {
    const Tensor value = weight[kVocabulary - 1][column];
    constexpr double kStep = 1e-5;
    value.add_(kStep);
    const double above = loss();
    value.sub_(2 * kStep);
    const double below = loss();
    value.add_(kStep);
    EXPECT_NEAR(gradient[column].item<double>(), (above - below) / (2 * kStep), 1e-8);
  }
}

/// Keeps the memory with which the last pass began.
class LastMemory : public AttentionObserver {
 public:
  void observe(int64_t /*layer*/, const ops::AttentionArguments& attention) override {
    ++passes;
    tokens = attention.q.size(2);
    memory = attention.memory.detach();
  }
  int64_t passes = 0, tokens = 0;
  Tensor memory;
};

TEST(Backpropagation, LetsAnObserverLookOnInTheLastChunkAlone) {
  const auto model = double_model(tiny_config("delta"));
  const TrainingBatch batch = made_up_batch();
  LastMemory last;
  backpropagate(*model, batch, model->empty_state(kRows), batch.target_count, {2, BorderStates::device, &last});
  EXPECT_EQ(last.passes, 2) << "a layer each";
  EXPECT_EQ(last.tokens, kSegmentLength) << "segments 0-1, 2-3, 4";
  const torch::NoGradGuard no_graph;
  const ForwardResult before = model->forward(batch.tokens.slice(1, 0, 4 * kSegmentLength), model->empty_state(kRows),
                                              {batch.starts.slice(1, 0, 4)});
  EXPECT_LT(relative_difference(last.memory, before.state["layers.1.memory"]), 1e-10);
}

TEST(Backpropagation, TakesAMemoryThatGrowsWithoutAGradientAndHasALossOfItsOwn) {
  const auto model = cache_model(double_model(tiny_config("none"))->config());
  EXPECT_TRUE(model->has_memory());
  const TrainingBatch batch = made_up_batch();
  const auto targets = static_cast<double>(batch.target_count);
  const ForwardResult forward = model->forward(batch.tokens, model->empty_state(kRows));
  const Tensor loss = model->loss(forward.hidden, batch.targets) / targets;
  (loss + forward.auxiliary_loss / targets).backward();
  const double auxiliary = forward.auxiliary_loss.item<double>() / targets;
  Outcome expected{loss.detach(), {}, forward.state.detached()};
  EXPECT_EQ(forward.state["layers.1.keys"].size(2), kSegments * kSegmentLength);
  take_gradients(*model, expected);
  for (const int64_t segments_per_chunk : {int64_t{1}, int64_t{2}, kSegments}) {
    expect_same(scheduled(*model, batch, model->empty_state(kRows), {segments_per_chunk}), expected);
    const BackpropagationResult result =
        backpropagate(*model, batch, model->empty_state(kRows), batch.target_count, {segments_per_chunk});
    EXPECT_NEAR(result.auxiliary_loss.item<double>(), auxiliary, 1e-10);
    EXPECT_FALSE(result.auxiliary_loss.requires_grad());
    for (Tensor& parameter : model->parameters()) parameter.mutable_grad() = Tensor();
  }
}

TEST(Backpropagation, ComputesNoLogitsWhereThereAreNoTargets) {
  const auto model = double_model(tiny_config("linear"));
  for (const auto& [begin, end] : std::vector<std::pair<int64_t, int64_t>>{{9, 14}, {17, 20}, {0, 3}}) {
    TrainingBatch batch = made_up_batch();
    batch.targets.slice(1, 0, begin).fill_(-1);
    batch.targets.slice(1, end).fill_(-1);
    const Outcome expected = one_graph(*model, batch, model->empty_state(kRows));
    batch.targets_begin = begin;
    batch.targets_end = end;
    for (const int64_t segments_per_chunk : {int64_t{1}, int64_t{2}, kSegments}) {
      expect_same(scheduled(*model, batch, model->empty_state(kRows), {segments_per_chunk}), expected);
    }
    // This target id is outside the vocabulary, so computing its logits would fail. It shows that no logits are
    // computed here.
    batch.targets.slice(1, end).fill_(kVocabulary + 100);
    batch.targets.slice(1, 0, begin).fill_(kVocabulary + 100);
    expect_same(scheduled(*model, batch, model->empty_state(kRows), {2}), expected);
  }
}

TEST(Backpropagation, TakesAModelWithoutSegmentsInOnePiece) {
  auto model = double_model(tiny_config("none"));
  ModelConfig config = model->config();
  config.memory = {0, "none"};
  auto full = std::make_shared<CausalLanguageModel>(config);
  full->to(torch::kFloat64);
  full->set_compute_dtype(torch::kFloat64);
  TrainingBatch batch = made_up_batch();
  const Tensor whole = full->loss(full->forward(batch.tokens, full->empty_state(kRows)).hidden, batch.targets) /
                       static_cast<double>(batch.target_count);
  const BackpropagationResult result =
      backpropagate(*full, batch, full->empty_state(kRows), batch.target_count, {1, BorderStates::device});
  EXPECT_LT(relative_difference(result.loss, whole), 1e-10);
}

}  // namespace
}  // namespace infini
