#include "ops/linear_cross_entropy.h"

#include <gtest/gtest.h>

namespace infini::ops {
namespace {

TEST(LinearCrossEntropy, TakesRowsByTheDevice) {
  // A CPU's caches hold the logits of few rows. On a GPU a gradient of 32,000 x 1,024 floats would be added to for
  // each.
  EXPECT_EQ(rows_of_logits(c10::DeviceType::CPU, 32000), 131);
  EXPECT_EQ(rows_of_logits(c10::DeviceType::CPU, 256), 16384);
  EXPECT_GE(rows_of_logits(c10::DeviceType::CUDA, 32000), 4096);
}

}  // namespace
}  // namespace infini::ops
