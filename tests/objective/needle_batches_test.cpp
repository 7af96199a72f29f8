#include "objective/needle_batches.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "log/error.h"
#include "objective/made_of_bytes.h"

namespace infini {
namespace {

using testing::task_of_bytes;
using testing::text_of;

constexpr int64_t kSegmentLength = 64;

NeedleBatches stream_of(NeedleBatchOptions options = {}, const NeedleOptions& needles = {}) {
  options.segment_length = kSegmentLength;
  options.tokens = 2048;
  options.seed = 3;
  return {std::make_shared<const NeedleTask>(task_of_bytes(needles)), options};
}

std::string row_text(const torch::Tensor& row) {
  std::string text;
  for (int64_t i = 0; i < row.size(0); ++i) text += static_cast<char>(row[i].item<int64_t>());
  return text;
}

TEST(NeedleBatches, FillsABatchWithSequencesOfTheStagesLength) {
  NeedleBatches stream = stream_of();
  std::set<int64_t> segments;
  for (int i = 0; i < 20; ++i) {
    const TrainingBatch batch = stream.next({.shortest = 4, .longest = 8});
    const int64_t count = batch.tokens.size(1) / kSegmentLength;
    segments.insert(count);
    EXPECT_EQ(batch.tokens.size(0), 2048 / (count * kSegmentLength));
    EXPECT_EQ(batch.starts.sum().item<int64_t>(), batch.tokens.size(0));
    EXPECT_EQ(batch.target_count, batch.targets.ge(0).sum().item<int64_t>());
    EXPECT_EQ(batch.padding_count, batch.targets.lt(0).sum().item<int64_t>());
    // Every sequence ends in the last segment.
    EXPECT_TRUE(batch.targets.select(1, (count - 1) * kSegmentLength).ge(0).all().item<bool>());
  }
  EXPECT_EQ(segments, (std::set<int64_t>{4, 5, 6, 7, 8}));
}

TEST(NeedleBatches, PassesOverAnExampleThatNeedsMoreThanTheSequence) {
  NeedleBatches stream = stream_of({}, {.kind = "passkeys", .needles = 2});
  for (int i = 0; i < 1000; ++i) {
    const TrainingBatch batch = stream.next({.shortest = 2, .longest = 2});
    ASSERT_EQ(batch.answers.ge(0).sum().item<int64_t>(), 6 * batch.tokens.size(0));
  }
}

TEST(NeedleBatch, PassesOverAnExampleThatNeedsMoreThanTheSequence) {
  const NeedleTask task = task_of_bytes({.kind = "passkeys", .needles = 2});
  const int64_t inputs = task.shortest_length() - 1;  // long enough for most examples
  uint64_t examples = 0;
  for (int i = 0; i < 100; ++i) {
    const TrainingBatch batch = needle_batch(task, 3, examples, 10, 1, inputs, 1);
    ASSERT_EQ(batch.answers.ge(0).sum().item<int64_t>(), 6 * 10);
  }
  EXPECT_GT(examples, 1000u) << "none was passed over";
}

TEST(NeedleBatches, TargetsAreTheNextTokensAndTheAnswerComesLast) {
  const TrainingBatch batch = stream_of().next({.shortest = 4, .longest = 4});
  for (int64_t row = 0; row < batch.tokens.size(0); ++row) {
    const int64_t count = batch.targets[row].ge(0).sum().item<int64_t>();
    EXPECT_TRUE(batch.targets[row].slice(0, 0, count - 1).equal(batch.tokens[row].slice(0, 1, count)));
    const torch::Tensor answer = batch.targets[row].index_select(0, batch.answers[row]);
    const std::string text = row_text(batch.targets[row].slice(0, 0, count));
    EXPECT_EQ(text.substr(text.size() - 6), row_text(answer));
    EXPECT_EQ(answer[0].item<int64_t>(), ' ');
  }
}

TEST(NeedleBatches, WeighsTheMeanOfTheAnswersOneAndThatOfTheRestAsAsked) {
  const TrainingBatch batch = stream_of({.language_loss = 0.25}).next({.shortest = 3, .longest = 3});
  torch::Tensor is_answer = torch::zeros_like(batch.weights);
  is_answer.scatter_(1, batch.answers, 1);
  const torch::Tensor made_up_losses = torch::rand(batch.weights.sizes());
  const torch::Tensor others = batch.targets.ge(0).logical_and(is_answer.eq(0));
  const double expected = made_up_losses.index({is_answer.eq(1)}).mean().item<double>() +
                          0.25 * made_up_losses.index({others}).mean().item<double>();
  const double weighed =
      (made_up_losses * batch.weights).sum().item<double>() / static_cast<double>(batch.target_count);
  EXPECT_NEAR(weighed, expected, 1e-5);
}

TEST(NeedleBatches, GainIsOneWhereTheEvidenceIsAndTheSameElsewhereInAnExample) {
  NeedleBatches stream = stream_of();
  std::vector<double> logarithms;
  uint64_t index = 0;
  for (int i = 0; i < 40; ++i) {
    const TrainingBatch batch = stream.next({.shortest = 8, .longest = 8, .largest_gain = 256});
    for (int64_t row = 0; row < batch.tokens.size(0); ++row) {
      // Make the same example again, to get its marks.
      const int64_t inputs = batch.targets[row].ge(0).sum().item<int64_t>();
      const Example example = task_of_bytes().example(3, index++, inputs + 1);
      const int64_t first = example.evidence()[0].begin / kSegmentLength;
      const int64_t last = (example.evidence()[0].end - 1) / kSegmentLength;
      const double gain = batch.gain[row][first > 0 ? 0 : 7].item<double>();
      for (int64_t segment = 0; segment < 8; ++segment) {
        const bool marked = segment >= first && segment <= last;
        EXPECT_FLOAT_EQ(batch.gain[row][segment].item<float>(), marked ? 1.0F : static_cast<float>(gain));
      }
      logarithms.push_back(std::log2(gain));
    }
  }
  double mean = 0, largest = 0;
  for (const double value : logarithms) {
    EXPECT_GE(value, 0);
    EXPECT_LE(value, 8);
    mean += value / static_cast<double>(logarithms.size());
    largest = std::max(largest, value);
  }
  EXPECT_NEAR(mean, 4, 1) << "log-uniform";
  EXPECT_GT(largest, 7);
}

TEST(NeedleBatches, WithoutMarksEverySegmentHasAGainOfItsOwn) {
  const TrainingBatch batch = stream_of({.gain_all = true}).next({.shortest = 16, .longest = 16, .largest_gain = 1024});
  std::set<float> gains;
  for (int64_t segment = 0; segment < 16; ++segment) gains.insert(batch.gain[0][segment].item<float>());
  EXPECT_EQ(gains.size(), 16u);
}

TEST(NeedleBatches, HasNoGainWhereTheStageHasNone) {
  EXPECT_FALSE(stream_of().next({.shortest = 4, .longest = 4}).gain.defined());
}

TEST(NeedleBatches, GoesOnFromAPosition) {
  NeedleBatches stream = stream_of();
  const Stage stage{.shortest = 3, .longest = 9, .largest_gain = 8};
  for (int i = 0; i < 3; ++i) stream.next(stage);
  const nlohmann::json position = stream.position();
  const TrainingBatch expected = stream.next(stage);
  NeedleBatches again = stream_of();
  again.seek(position);
  const TrainingBatch batch = again.next(stage);
  EXPECT_TRUE(batch.tokens.equal(expected.tokens));
  EXPECT_TRUE(batch.gain.equal(expected.gain));
}

TEST(NeedleBatches, RanksShareTheRowsThatOneWouldHave) {
  NeedleBatches first = stream_of({.rank = 0, .ranks = 2}), second = stream_of({.rank = 1, .ranks = 2});
  NeedleBatches alone = stream_of();
  const Stage stage{.shortest = 4, .longest = 4};
  const torch::Tensor shared = torch::cat({first.next(stage).tokens, second.next(stage).tokens});
  EXPECT_TRUE(torch::cat({alone.next(stage).tokens, alone.next(stage).tokens}).equal(shared));
  EXPECT_EQ(first.position(), second.position());
}

TEST(NeedleBatches, RefusesThePositionOfAnotherTask) {
  NeedleBatches stream = stream_of();
  nlohmann::json position = stream.position();
  position["identity"]["digits"] = 7;
  EXPECT_THROW(stream.seek(position), UserError);
  position = stream.position();
  position["identity"]["documents"] = 12345;
  EXPECT_THROW(stream.seek(position), UserError);
  EXPECT_THROW(stream.seek(nlohmann::json::object()), UserError);
}

}  // namespace
}  // namespace infini
