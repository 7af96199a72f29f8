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
  const std::string bytes = tensorboard::record(tensorboard::file_version(1700000000.25)) +
                            tensorboard::record(tensorboard::scalar_summary(
                                1700000001.5, 300, {{"train/loss", 1.75}, {"gate/layer 0 head 1", 0.125}}));
  const std::string expected(reference::kEventFile.begin(), reference::kEventFile.end());
  EXPECT_EQ(bytes, expected);
}

}  // namespace
}  // namespace infini
