#include "train/signal_flag.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "log/log.h"
#include "log/progress.h"

namespace infini {
namespace {

volatile std::sig_atomic_t handled = 0;

/// Waits until the watcher sets the flag, which may take a moment. Returns false after ten seconds.
bool comes_up(const SignalFlag& flag) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!flag.requested() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  return flag.requested();
}

TEST(SignalFlagTest, HoldsBackEverySignalAndNamesTheOneThatCame) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
    SignalFlag flag;
    EXPECT_EQ(flag.signal(), 0);
    EXPECT_FALSE(flag.requested());
    std::raise(signal);
    EXPECT_EQ(flag.signal(), signal);
    EXPECT_EQ(flag.signal(), signal);
    EXPECT_TRUE(flag.requested());
  }
}

TEST(SignalFlagTest, IsSeenFromAnyThreadWithoutBeingTakenFirst) {
  const SignalFlag flag;
  kill(getpid(), SIGUSR1);
  bool seen = false;
  std::thread([&] { seen = comes_up(flag); }).join();
  EXPECT_TRUE(seen);
}

/// Standard error goes into ends[1]. ends[0] is its reader, until it is closed.
void expect_request_when_the_reader_goes_away(const int (&ends)[2]) {
  const int standard_error = dup(STDERR_FILENO);
  dup2(ends[1], STDERR_FILENO);
  close(ends[1]);
  {
    SignalFlag flag;
    log::info("somebody reads this");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_FALSE(flag.requested());
    close(ends[0]);
    EXPECT_TRUE(comes_up(flag));
    EXPECT_EQ(flag.signal(), SIGPIPE);
    log::info("nobody reads this");
    Progress progress("train", 10, "steps");
    progress.finish();
  }
  dup2(standard_error, STDERR_FILENO);
  close(standard_error);
}

TEST(SignalFlagTest, AStandardErrorThatNobodyReadsAnyMoreIsARequestAndWritingToItHarmless) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  expect_request_when_the_reader_goes_away(ends);
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  expect_request_when_the_reader_goes_away(ends);
}

TEST(SignalFlagTest, HangingUpAndWarningsNeverEndTheProcessHoweverMany) {
  SignalFlag flag;
  for (const int signal : {SIGHUP, SIGUSR1, SIGHUP, SIGTERM, SIGHUP, SIGUSR1}) {
    std::raise(signal);
    EXPECT_EQ(flag.signal(), SIGHUP) << "the first one counts";
  }
}

TEST(SignalFlagTest, LeavesHangingUpIgnoredUnderNohup) {
  const auto previous = std::signal(SIGHUP, SIG_IGN);
  {
    SignalFlag flag;
    std::raise(SIGHUP);
    EXPECT_EQ(flag.signal(), 0);
  }
  EXPECT_EQ(std::signal(SIGHUP, previous), SIG_IGN);
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
  std::raise(SIGTERM);  // the previous handler is back
  EXPECT_EQ(handled, 1);
  std::signal(SIGTERM, previous);
}

}  // namespace
}  // namespace infini
