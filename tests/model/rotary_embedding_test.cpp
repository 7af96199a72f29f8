#include "model/rotary_embedding.h"

#include <gtest/gtest.h>

#include <cmath>

namespace infini {
namespace {

TEST(RotaryEmbedding, TablesHoldTheAnglesOfEveryPosition) {
  RotaryEmbedding rotary(6, 500.0);
  for (const int64_t length : {3, 40, 7}) {  // the table grows, then is cut
    const auto [cos, sin] = rotary.tables(length, torch::kCPU, torch::kFloat64);
    ASSERT_EQ(cos.sizes(), torch::IntArrayRef({length, 6}));
    for (int64_t t = 0; t < length; ++t) {
      for (int64_t i = 0; i < 6; ++i) {
        const double angle = static_cast<double>(t) * std::pow(500.0, -static_cast<double>(i % 3) / 3.0);
        EXPECT_NEAR(cos[t][i].item<double>(), std::cos(angle), 1e-12);
        EXPECT_NEAR(sin[t][i].item<double>(), std::sin(angle), 1e-12);
      }
    }
  }
  EXPECT_EQ(rotary.tables(3, torch::kCPU, torch::kBFloat16).cos.scalar_type(), torch::kFloat32);
}

}  // namespace
}  // namespace infini
