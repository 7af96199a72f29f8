#include "train/gradient_clipping.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace infini {
namespace {

std::vector<torch::Tensor> three_and_four() {
  return {torch::tensor({{3.0, 0.0}}, torch::kFloat64), torch::tensor({0.0, -4.0}, torch::kFloat64)};
}

TEST(GradientClippingTest, ScalesAllGradientsByTheirCommonNorm) {
  const auto gradients = three_and_four();
  EXPECT_DOUBLE_EQ(sum_and_clip_gradients(gradients, 1.0, {}).item<double>(), 5.0);
  EXPECT_NEAR(gradients[0][0][0].item<double>(), 0.6, 1e-6);
  EXPECT_NEAR(gradients[1][1].item<double>(), -0.8, 1e-6);
}

TEST(GradientClippingTest, LeavesSmallGradientsAlone) {
  const auto gradients = three_and_four();
  sum_and_clip_gradients(gradients, 5.1, {});
  EXPECT_EQ(gradients[0][0][0].item<double>(), 3.0);
  EXPECT_EQ(gradients[1][1].item<double>(), -4.0);
}

TEST(GradientClippingTest, OnlyMeasuresWhereTheMaximumIsZero) {
  const auto gradients = three_and_four();
  EXPECT_DOUBLE_EQ(sum_and_clip_gradients(gradients, 0.0, {}).item<double>(), 5.0);
  EXPECT_EQ(gradients[1][1].item<double>(), -4.0);
}

TEST(GradientClippingTest, ReportsGradientsThatAreNotFinite) {
  auto gradients = three_and_four();
  gradients[1][0] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(std::isfinite(sum_and_clip_gradients(gradients, 1.0, {}).item<double>()));
}

}  // namespace
}  // namespace infini
