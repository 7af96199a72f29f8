#include "train/signal_flag.h"

#include <gtest/gtest.h>

#include <thread>

namespace infini {
namespace {

volatile std::sig_atomic_t handled = 0;

TEST(SignalFlagTest, HoldsBackBothSignalsAndNamesTheOneThatCame) {
  for (const int signal : {SIGINT, SIGTERM}) {
    SignalFlag flag;
    EXPECT_EQ(flag.signal(), 0);
    std::raise(signal);
    EXPECT_EQ(flag.signal(), signal);
    EXPECT_EQ(flag.signal(), signal);
  }
}

TEST(SignalFlagTest, LetsNoHandlerRunInThisThreadOrThoseItStarts) {
  const auto previous = std::signal(SIGTERM, [](int) { handled = 1; });
  handled = 0;
  {
    SignalFlag flag;
    std::thread([] { std::raise(SIGTERM); }).join();
    std::raise(SIGTERM);
    EXPECT_EQ(handled, 0);
    EXPECT_EQ(flag.signal(), SIGTERM);
    std::raise(SIGTERM);
  }
  EXPECT_EQ(handled, 0);
  std::raise(SIGTERM);  // given back
  EXPECT_EQ(handled, 1);
  std::signal(SIGTERM, previous);
}

}  // namespace
}  // namespace infini
