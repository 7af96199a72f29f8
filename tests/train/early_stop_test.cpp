#include "train/early_stop.h"

#include <gtest/gtest.h>

#include <limits>

namespace infini {
namespace {

Metrics validation(double loss, double answer_loss = 0, double exact_match = 0) {
  return {{"loss", loss}, {"answer_loss", answer_loss}, {"exact_match", exact_match}};
}

/// Gives the validations of steps 10, 20, …
void observe(EarlyStop& stop, const std::vector<Metrics>& validations) {
  int64_t step = 0;
  for (const Metrics& metrics : validations) stop.observe(metrics, step += 10);
}

TEST(EarlyStop, IsReachedAfterItsPatienceWithoutImprovement) {
  EarlyStop stop({.metric = "loss", .patience = 2});
  observe(stop, {validation(3), validation(2), validation(2.5)});
  EXPECT_FALSE(stop.reached());
  observe(stop, {validation(1.9), validation(1.9)});
  EXPECT_FALSE(stop.reached());
  observe(stop, {validation(2)});
  EXPECT_TRUE(stop.reached());
}

TEST(EarlyStop, KnowsTheBestAndItsStep) {
  EarlyStop stop({.metric = "loss", .patience = 9});
  EXPECT_FALSE(stop.best());
  EXPECT_TRUE(stop.observe(validation(3), 10));
  EXPECT_TRUE(stop.observe(validation(2), 20));
  EXPECT_FALSE(stop.observe(validation(2), 30)) << "as good as the best is no better";
  ASSERT_TRUE(stop.best());
  EXPECT_EQ(stop.best()->step, 20);
  EXPECT_EQ(stop.best()->metric, "loss");
  EXPECT_EQ(stop.best()->value, 2);
}

TEST(EarlyStop, WantsMoreExactMatchesAndLessAnswerLoss) {
  EarlyStop matches({.metric = "exact_match", .patience = 1}), losses({.metric = "answer_loss", .patience = 1});
  observe(matches, {validation(9, 9, 0.1), validation(9, 9, 0.5), validation(9, 9, 0.9)});
  observe(losses, {validation(9, 0.9), validation(9, 0.5), validation(9, 0.1)});
  EXPECT_FALSE(matches.reached() || losses.reached());
  observe(matches, {validation(0, 0, 0.8)});
  observe(losses, {validation(0, 0.2, 1)});
  EXPECT_TRUE(matches.reached() && losses.reached());
}

TEST(EarlyStop, IsNeverReachedWhereNoneIsAskedFor) {
  EarlyStop stop({});
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(stop.observe(validation(1), i));
  EXPECT_FALSE(stop.reached());
}

TEST(EarlyStop, TakesALossThatIsNotFiniteForNoImprovement) {
  EarlyStop stop({.metric = "loss", .patience = 2});
  observe(stop, {validation(std::numeric_limits<double>::quiet_NaN())});
  EXPECT_FALSE(stop.best());
  observe(stop, {validation(5), validation(std::numeric_limits<double>::infinity())});
  EXPECT_FALSE(stop.reached());
  EarlyStop again({.metric = "loss", .patience = 2});
  again.load_state(nlohmann::json::parse(stop.state().dump()));
  observe(again, {validation(6)});
  EXPECT_TRUE(again.reached());
}

TEST(EarlyStop, GoesOnFromItsState) {
  EarlyStop stop({.metric = "loss", .patience = 2}), again({.metric = "loss", .patience = 2});
  observe(stop, {validation(1), validation(2)});
  again.load_state(stop.state());
  EXPECT_EQ(again.best()->step, 10);
  observe(again, {validation(1.5)});
  EXPECT_TRUE(again.reached());
}

TEST(EarlyStop, BeginsAnewWithAnotherMetric) {
  EarlyStop stop({.metric = "loss", .patience = 1}), again({.metric = "exact_match", .patience = 1});
  observe(stop, {validation(1), validation(2)});
  again.load_state(stop.state());
  EXPECT_FALSE(again.best());
  EXPECT_FALSE(again.reached());
}

TEST(EarlyStop, EndsARunWhoseValidationsAreNeverFinite) {
  EarlyStop stop({.metric = "loss", .patience = 2});
  const Metrics not_finite = validation(std::numeric_limits<double>::quiet_NaN());
  observe(stop, {not_finite, not_finite});
  EXPECT_TRUE(stop.reached());
}

}  // namespace
}  // namespace infini
