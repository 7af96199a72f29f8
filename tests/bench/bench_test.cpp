#include "bench/bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/bench_report.h"
#include "bench/training_step.h"

namespace infini {
namespace {

TrainConfig tiny() {
  TrainConfig config;
  config.device = "cpu";
  config.train_length = 40;
  config.batch_rows = 2;
  config.segments_per_chunk = 2;
  config.model.vocab_size = 20;
  config.model.hidden_size = 16;
  config.model.intermediate_size = 32;
  config.model.num_hidden_layers = 2;
  config.model.num_attention_heads = 2;
  config.model.num_key_value_heads = 1;
  config.model.head_dim = 8;
  config.model.memory = {8, "delta"};
  return config;
}

TEST(TrainingStep, LearnsItsBatch) {
  TrainConfig config = tiny();
  config.optimizer.learning_rate = 1e-2;
  torch::manual_seed(0);
  TrainingStep step(config, torch::kCPU, torch::kFloat32);
  const double first = step.run();
  EXPECT_NEAR(first, std::log(20.0), 0.2);
  for (int i = 0; i < 20; ++i) step.run();
  EXPECT_LT(step.run(), 0.9 * first);
}

TEST(TrainingStep, IsTheSameWhetherTheBatchesOfAStepAreOneOrTwoOfTheKind) {
  TrainConfig config = tiny();
  torch::manual_seed(0);
  const double once = TrainingStep(config, torch::kCPU, torch::kFloat32).run();
  config.accumulation = 2;
  torch::manual_seed(0);
  EXPECT_NEAR(TrainingStep(config, torch::kCPU, torch::kFloat32).run(), once, 1e-6);
}

BenchResult made_up_result() {
  BenchResult result;
  result.device = "cpu";
  result.dtype = "float32";
  result.peak = {2e11, 1e10};
  result.measurements = {{"attention", "delta", "forward", 1000, 0.5, {1e10, 1e9}},
                         {"training step", "delta", "with optimizer", 3000, 2, {4e11, 0}}};
  return result;
}

TEST(BenchReport, GivesRatesAndSharesOfThePeak) {
  const auto json = to_json(made_up_result());
  const auto& attention = json["measurements"][0];
  EXPECT_DOUBLE_EQ(attention["tokens_per_second"], 2000);
  EXPECT_DOUBLE_EQ(attention["operations_per_second"], 2e10);
  EXPECT_DOUBLE_EQ(attention["share_of_peak_operations"], 0.1);
  EXPECT_DOUBLE_EQ(attention["bytes_per_second"], 2e9);
  EXPECT_DOUBLE_EQ(attention["share_of_peak_bytes"], 0.2);
  EXPECT_DOUBLE_EQ(json["measurements"][1]["share_of_peak_operations"], 1);
  EXPECT_FALSE(json["measurements"][1].contains("bytes")) << "a step's bytes are not counted";
}

TEST(BenchReport, ShowsAPersonTheSame) {
  const std::string text = to_text(made_up_result());
  EXPECT_THAT(text, ::testing::HasSubstr("peak, measured: 200.0 GFLOP/s (torch's matrix product), 10.0 GB/s (copy)"));
  EXPECT_THAT(text,
              ::testing::ContainsRegex("attention +delta +forward +500\\.000 +2000 +20\\.0 +10\\.0% +2\\.0 +20\\.0%"));
  EXPECT_THAT(text, ::testing::ContainsRegex(
                        "training step +delta +with optimizer +2000\\.000 +1500 +200\\.0 +100\\.0% +- +-"));
}

}  // namespace
}  // namespace infini
