#include "train/signal_flag.h"

#include <gtest/gtest.h>

namespace infini {
namespace {

TEST(SignalFlagTest, HoldsBackBothSignalsAndNamesTheOneThatCame) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const SignalFlag flag;
    EXPECT_EQ(flag.signal(), 0);
    std::raise(signal);
    EXPECT_EQ(flag.signal(), signal);
  }
}

TEST(SignalFlagTest, GivesTheSignalsBackAtItsEnd) {
  struct sigaction before {
  }, after{};
  sigaction(SIGTERM, nullptr, &before);
  { const SignalFlag flag; }
  sigaction(SIGTERM, nullptr, &after);
  EXPECT_EQ(before.sa_handler, after.sa_handler);
}

}  // namespace
}  // namespace infini
