#include "text/token_length.h"

#include <gtest/gtest.h>

namespace infini {
namespace {

TEST(TokenLength, IsNamedAsThePowersOfTwoDivideIt) {
  EXPECT_EQ(format_length(32768), "32K");
  EXPECT_EQ(format_length(1536), "1536");
  EXPECT_EQ(format_length(1 << 20), "1M");
  EXPECT_EQ(format_length(10 << 20), "10M");
  EXPECT_EQ(format_length((1 << 20) + 1024), "1025K");
  EXPECT_EQ(format_length(5000), "5000");
}

}  // namespace
}  // namespace infini
