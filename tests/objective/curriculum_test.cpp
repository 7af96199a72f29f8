#include "objective/curriculum.h"

#include <gtest/gtest.h>

namespace infini {
namespace {

Curriculum three_stages(CurriculumConfig config = {}) {
  config.shortest = {2, 2, 4};
  config.longest = {2, 8, 32};
  return {config, {.largest = {1, 4, 16}}, 32};
}

void expect_stage(const Curriculum& curriculum, int64_t number, int64_t shortest, int64_t longest, double gain) {
  EXPECT_EQ(curriculum.number(), number);
  EXPECT_EQ(curriculum.stage().shortest, shortest);
  EXPECT_EQ(curriculum.stage().longest, longest);
  EXPECT_EQ(curriculum.stage().largest_gain, gain);
}

TEST(Curriculum, GoesOnWhenTheRunningLossIsLowAndEndsInItsLastStage) {
  Curriculum curriculum = three_stages({.until_loss = 0.3});
  expect_stage(curriculum, 1, 2, 2, 1);
  for (int i = 0; i < 200; ++i) curriculum.observe(0.4);
  expect_stage(curriculum, 1, 2, 2, 1);
  for (int i = 0; i < 200 && curriculum.number() == 1; ++i) curriculum.observe(0.1);
  expect_stage(curriculum, 2, 2, 8, 4);
  for (int i = 0; i < 50; ++i) curriculum.observe(0.1);
  expect_stage(curriculum, 3, 4, 32, 16);
  for (int i = 0; i < 500; ++i) curriculum.observe(0.01);
  expect_stage(curriculum, 3, 4, 32, 16);
}

TEST(Curriculum, OneLuckyStepDoesNotEndAStage) {
  Curriculum curriculum = three_stages({.until_loss = 0.3});
  curriculum.observe(0.01);
  EXPECT_EQ(curriculum.number(), 1);
}

TEST(Curriculum, GoesOnBySteps) {
  Curriculum curriculum = three_stages({.until_loss = 0, .stage_steps = 3});
  for (int i = 0; i < 2; ++i) curriculum.observe(9);
  EXPECT_EQ(curriculum.number(), 1);
  curriculum.observe(9);
  EXPECT_EQ(curriculum.number(), 2);
}

TEST(Curriculum, WithoutListsEverySequenceIsAsLongAsTrainLength) { expect_stage(Curriculum({}, {}, 24), 1, 24, 24, 1); }

TEST(Curriculum, OneValueHoldsForAllStages) {
  CurriculumConfig config;
  config.longest = {16};
  config.stage_steps = 1;
  Curriculum curriculum(config, {.largest = {1, 64}}, 32);
  EXPECT_EQ(curriculum.stages(), 2);
  curriculum.observe(9);
  expect_stage(curriculum, 2, 16, 16, 64);
}

TEST(Curriculum, GoesOnFromItsState) {
  Curriculum curriculum = three_stages({.until_loss = 0.3});
  for (int i = 0; i < 70; ++i) curriculum.observe(0.1);
  Curriculum again = three_stages({.until_loss = 0.3});
  again.load_state(curriculum.state());
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(again.number(), curriculum.number());
    again.observe(0.2);
    curriculum.observe(0.2);
  }
  EXPECT_EQ(again.number(), 3);
}

}  // namespace
}  // namespace infini
