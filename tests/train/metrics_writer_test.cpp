#include "train/metrics_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "io/temporary_folder.h"

namespace infini {
namespace {

using ::testing::ElementsAre;
using testing::read_text;
using testing::TemporaryFolder;
using testing::write_text;

std::vector<int64_t> steps_in(const std::filesystem::path& file) {
  std::istringstream lines(read_text(file));
  std::vector<int64_t> steps;
  for (std::string line; std::getline(lines, line);) steps.push_back(nlohmann::json::parse(line).at("step"));
  return steps;
}

StepMetrics metrics_of(int64_t step) {
  StepMetrics metrics;
  metrics.step = step;
  metrics.loss = 1.5;
  return metrics;
}

TEST(MetricsWriterTest, HasEachStepOnceWhenARunGoesBackToItsCheckpoint) {
  const TemporaryFolder folder;
  const auto file = folder / "metrics.jsonl";
  {
    MetricsWriter writer(file, 0);
    for (int64_t step = 1; step <= 5; ++step) writer.write(metrics_record(metrics_of(step)));
  }
  MetricsWriter writer(file, 3);
  EXPECT_THAT(steps_in(file), ElementsAre(1, 2, 3));
  writer.write(metrics_record(metrics_of(4)));
  EXPECT_THAT(steps_in(file), ElementsAre(1, 2, 3, 4));
}

TEST(MetricsWriterTest, RemovesALastLineThatWasWrittenHalf) {
  const TemporaryFolder folder;
  const auto file = folder / "metrics.jsonl";
  write_text(file, "{\"step\":1}\n{\"step\":2}\n{\"step\":3,\"lo");
  MetricsWriter(file, 3).write(metrics_record(metrics_of(3)));
  EXPECT_THAT(steps_in(file), ElementsAre(1, 2, 3));
}

TEST(MetricsWriterTest, RemovesAWholeLookingLastLineThatLacksItsEnd) {
  const TemporaryFolder folder;
  const auto file = folder / "metrics.jsonl";
  write_text(file, "{\"step\":1}\n{\"step\":2}");
  MetricsWriter(file, 1).write(metrics_record(metrics_of(2)));
  EXPECT_THAT(steps_in(file), ElementsAre(1, 2));
}

TEST(MetricsWriterTest, WritesNullForALossThatIsNotFinite) {
  StepMetrics metrics = metrics_of(7);
  metrics.loss = std::numeric_limits<double>::quiet_NaN();
  metrics.skipped = true;
  metrics.skipped_steps = 2;
  const auto json = nlohmann::json::parse(metrics_record(metrics).dump());
  EXPECT_TRUE(json.at("loss").is_null());
  EXPECT_EQ(json.at("skipped"), true);
  EXPECT_EQ(json.at("skipped_steps"), 2);
  EXPECT_FALSE(json.contains("gates"));
  EXPECT_FALSE(json.contains("auxiliary_loss"));
  EXPECT_FALSE(json.contains("validation"));
}

TEST(MetricsWriterTest, WritesReadingsAndValidationWhereTheyWereTaken) {
  StepMetrics metrics = metrics_of(7);
  const double none = std::numeric_limits<double>::quiet_NaN();
  metrics.heads = {{"gates", {{0.25, 0.5}, {0.75, 1.0}}}, {"depth_accuracy", {{none}, {0.625}}}};
  metrics.auxiliary_loss = 0.375;
  metrics.validation = Metrics{{"loss", 1.0}, {"perplexity", 2.7}, {"tokens", 99}};
  metrics.objective = {{"stage", 2}, {"answer_loss", 0.5}};
  const auto json = nlohmann::json::parse(metrics_record(metrics).dump());
  EXPECT_EQ(json.at("gates")[1][0], 0.75);
  EXPECT_TRUE(json.at("depth_accuracy")[0][0].is_null());
  EXPECT_EQ(json.at("depth_accuracy")[1][0], 0.625);
  EXPECT_EQ(json.at("auxiliary_loss"), 0.375);
  EXPECT_EQ(json.at("validation").at("tokens"), 99);
  EXPECT_EQ(json.at("stage"), 2);
  EXPECT_EQ(json.at("answer_loss"), 0.5);
}

}  // namespace
}  // namespace infini
