#include "train/signal_flag.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
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

TEST(SignalFlagTest, ASecondSignalEndsTheProcessAtOnce) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto stay = [] {
    const SignalFlag flag;
    for (int i = 0; i < 2; ++i) {
      kill(getpid(), SIGINT);
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    std::_Exit(0);
  };
  EXPECT_EXIT(stay(), ::testing::ExitedWithCode(128 + SIGINT), "second signal");
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
