#include "train/tensorboard_event.h"

#include <gtest/gtest.h>

#include "train/reference_numbers.h"

namespace infini {
namespace {

TEST(TensorboardEventTest, HasTheChecksumOfTheStandardsExample) {
  EXPECT_EQ(tensorboard::crc32c("123456789"), 0xE3069283u);  // the usual check value for the polynomial of RFC 3720
  EXPECT_EQ(tensorboard::crc32c(std::string(32, '\0')), 0x8A9136AAu);  // RFC 3720, B.4
}

TEST(TensorboardEventTest, GivesTheBytesOfTensorBoardItself) {
  const tensorboard::Histogram gates = tensorboard::histogram_of({0.5, 0.125, 0.625, 0.26}, 0, 1, 4);
  tensorboard::Histogram rounded = gates;
  rounded.sum = 1.5;
  rounded.sum_of_squares = 0.6875;
  const std::string bytes =
      tensorboard::record(tensorboard::file_version(1700000000.25)) +
      tensorboard::record(tensorboard::summary(
          1700000001.5, 300, {{"train/loss", 1.75}, {"gates/layer 0 head 1", 0.125}}, {{"gates/all heads", rounded}}));
  const std::string expected(reference::kEventFile.begin(), reference::kEventFile.end());
  EXPECT_EQ(bytes, expected);
}

TEST(TensorboardEventTest, CountsTheValuesOfAHistogramFromTheFirstToTheLast) {
  const auto histogram = tensorboard::histogram_of({0.3, 0.11, 0.3, 0.2, 0.39, 0.21}, 0, 1, 10);
  EXPECT_EQ(histogram.min, 0.11);
  EXPECT_EQ(histogram.max, 0.39);
  EXPECT_EQ(histogram.count, 6);
  EXPECT_NEAR(histogram.sum, 1.51, 1e-12);
  EXPECT_NEAR(histogram.sum_of_squares, 0.09 * 2 + 0.0121 + 0.04 + 0.1521 + 0.0441, 1e-12);
  ASSERT_EQ(histogram.limits.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(histogram.limits[i], 0.2 + 0.1 * static_cast<double>(i), 1e-12);
  EXPECT_EQ(histogram.counts, (std::vector<double>{2, 3, 1})) << "a value at a limit is below it";
}

TEST(TensorboardEventTest, PutsTheEndsOfTheRangeIntoTheOuterBuckets) {
  const auto histogram = tensorboard::histogram_of({0.0, 1.0, 1.0}, 0, 1, 4);
  EXPECT_EQ(histogram.counts, (std::vector<double>{1, 0, 0, 2}));
  EXPECT_EQ(histogram.limits, (std::vector<double>{0.25, 0.5, 0.75, 1.0}));
}

}  // namespace
}  // namespace infini
