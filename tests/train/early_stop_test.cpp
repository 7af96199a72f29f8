#include "train/early_stop.h"

#include <gtest/gtest.h>

#include <limits>

namespace infini {
namespace {

ValidationMetrics validation(double loss, double answer_loss = 0, double exact_match = 0) {
  ValidationMetrics metrics;
  metrics.loss = loss;
  metrics.task = TaskMetrics{answer_loss, 0, exact_match};
  return metrics;
}

TEST(EarlyStop, IsReachedAfterItsPatienceWithoutImprovement) {
  EarlyStop stop({.metric = "loss", .patience = 2});
  for (const double loss : {3.0, 2.0, 2.5}) stop.observe(validation(loss));
  EXPECT_FALSE(stop.reached());
  stop.observe(validation(1.9));
  stop.observe(validation(1.9));
  EXPECT_FALSE(stop.reached());
  stop.observe(validation(2.0));
  EXPECT_TRUE(stop.reached());
}

TEST(EarlyStop, WantsMoreExactMatchesAndLessAnswerLoss) {
  EarlyStop matches({.metric = "exact_match", .patience = 1}), losses({.metric = "answer_loss", .patience = 1});
  for (const double exact_match : {0.1, 0.5, 0.9}) matches.observe(validation(9, 9, exact_match));
  for (const double answer_loss : {0.9, 0.5, 0.1}) losses.observe(validation(9, answer_loss, 0));
  EXPECT_FALSE(matches.reached() || losses.reached());
  matches.observe(validation(0, 0, 0.8));
  losses.observe(validation(0, 0.2, 1));
  EXPECT_TRUE(matches.reached() && losses.reached());
}

TEST(EarlyStop, IsNeverReachedWhereNoneIsAskedFor) {
  EarlyStop stop({});
  for (int i = 0; i < 20; ++i) stop.observe(validation(1));
  EXPECT_FALSE(stop.reached());
}

TEST(EarlyStop, TakesALossThatIsNotFiniteForNoImprovement) {
  EarlyStop stop({.metric = "loss", .patience = 2});
  stop.observe(validation(std::numeric_limits<double>::quiet_NaN()));
  stop.observe(validation(5));
  stop.observe(validation(std::numeric_limits<double>::infinity()));
  EXPECT_FALSE(stop.reached());
  EarlyStop again({.metric = "loss", .patience = 2});
  again.load_state(nlohmann::json::parse(stop.state().dump()));
  again.observe(validation(6));
  EXPECT_TRUE(again.reached());
}

TEST(EarlyStop, GoesOnFromItsState) {
  EarlyStop stop({.metric = "loss", .patience = 2}), again({.metric = "loss", .patience = 2});
  stop.observe(validation(1));
  stop.observe(validation(2));
  again.load_state(stop.state());
  again.observe(validation(1.5));
  EXPECT_TRUE(again.reached());
}

}  // namespace
}  // namespace infini
