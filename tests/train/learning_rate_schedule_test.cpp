#include "train/learning_rate_schedule.h"

#include <gtest/gtest.h>

namespace infini {
namespace {

TEST(LearningRateScheduleTest, RisesLinearlyThenFallsAlongACosineToItsFinalFraction) {
  const ScheduleConfig schedule{.warmup_steps = 4, .final_fraction = 0.2};
  EXPECT_DOUBLE_EQ(learning_rate_fraction(1, 12, schedule), 0.25);
  EXPECT_DOUBLE_EQ(learning_rate_fraction(3, 12, schedule), 0.75);
  EXPECT_DOUBLE_EQ(learning_rate_fraction(4, 12, schedule), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate_fraction(8, 12, schedule), 0.6);           // half way down
  EXPECT_NEAR(learning_rate_fraction(6, 12, schedule), 0.882842712, 1e-9);  // 0.2 + 0.8 (1 + cos 45°) / 2
  EXPECT_DOUBLE_EQ(learning_rate_fraction(12, 12, schedule), 0.2);
}

TEST(LearningRateScheduleTest, StaysAtTheFullRateForItsConstantSteps) {
  const ScheduleConfig schedule{.warmup_steps = 4, .constant_steps = 6, .final_fraction = 0.2};
  EXPECT_DOUBLE_EQ(learning_rate_fraction(2, 18, schedule), 0.5);
  for (const int64_t step : {4, 7, 10}) EXPECT_DOUBLE_EQ(learning_rate_fraction(step, 18, schedule), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate_fraction(14, 18, schedule), 0.6);  // half way down
  EXPECT_DOUBLE_EQ(learning_rate_fraction(18, 18, schedule), 0.2);
}

TEST(LearningRateScheduleTest, BeginsAtTheFullRateWithoutWarmUp) {
  const ScheduleConfig schedule{.warmup_steps = 0, .final_fraction = 0.0};
  EXPECT_GT(learning_rate_fraction(1, 1000, schedule), 0.999);
  EXPECT_NEAR(learning_rate_fraction(1000, 1000, schedule), 0.0, 1e-12);
}

TEST(LearningRateScheduleTest, StaysLinearWhereWarmUpOutlastsTheRun) {
  const ScheduleConfig schedule{.warmup_steps = 100, .final_fraction = 0.0};
  EXPECT_DOUBLE_EQ(learning_rate_fraction(10, 10, schedule), 0.1);
}

}  // namespace
}  // namespace infini
