#include "objective/needle_objective.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "log/error.h"
#include "model/small_model.h"

namespace infini {
namespace {

NeedleObjective objective_of(NeedleObjectiveOptions options = {}) {
  options.batches.segment_length = 16;
  options.train_length = 320;
  options.validation_rows = 2;
  options.validation_tokens = 1000;
  options.curriculum = {.longest = {15, 20}, .until_loss = 0, .stage_steps = 2};
  return {options, std::shared_ptr<const Tokenizer>(make_byte_tokenizer())};
}

bool never() { return false; }

TEST(NeedleObjective, GoesToTheNextStageByTheAnswersThatItObserves) {
  NeedleObjective objective = objective_of();
  EXPECT_EQ(objective.next().starts.size(1), 15);
  const Metrics metrics = objective.step_metrics(AnswerMetrics{.loss = 2, .accuracy = 0.5, .exact_match = 0.25});
  EXPECT_EQ(metrics.dump(), R"({"stage":1,"segments":15,"answer_loss":2.0,"answer_accuracy":0.5,"exact_match":0.25})");
  EXPECT_EQ(objective.progress_words(metrics), "answers 2.0000, 25% right, stage 1");
  EXPECT_THAT(objective.unfinished(), ::testing::HasSubstr("stage 1 of 2"));
  for (int i = 0; i < 2; ++i) objective.observe({.loss = 2});
  EXPECT_EQ(objective.step_metrics({}).at("stage"), 2);
  EXPECT_EQ(objective.unfinished(), "");
}

TEST(NeedleObjective, GoesOnFromItsPosition) {
  NeedleObjective objective = objective_of(), again = objective_of();
  objective.next();
  for (int i = 0; i < 2; ++i) objective.observe({.loss = 2});
  again.seek(nlohmann::json::parse(objective.position().dump()));
  EXPECT_TRUE(again.next().tokens.equal(objective.next().tokens));
  EXPECT_EQ(again.position(), objective.position());
  EXPECT_THROW(again.seek({{"batches", 3}}), UserError);
}

TEST(NeedleObjective, ValidatesAnswersAndEveryToken) {
  const auto model = small_model("linear", 16, 256);
  const NeedleObjective objective = objective_of();
  const Metrics metrics = objective.validate(*model, never).value();
  EXPECT_EQ(metrics.at("tokens"), 2 * 2 * 320);
  EXPECT_GT(metrics.at("answer_loss").get<double>(), 0);
  EXPECT_EQ(metrics, objective.validate(*model, never).value()) << "the same examples each time";
}

TEST(NeedleObjective, AStopEndsAValidation) {
  const auto model = small_model("linear", 16, 256);
  int asked = 0;
  EXPECT_FALSE(objective_of().validate(*model, [&] { return ++asked > 3; }));
  EXPECT_EQ(asked, 4);
}

}  // namespace
}  // namespace infini
