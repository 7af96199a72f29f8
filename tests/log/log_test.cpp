#include "log/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "log/standard_error.h"

namespace infini {
namespace {

using ::testing::MatchesRegex;

TEST(Log, WritesOneDatedLineAMessageToStandardError) {
  EXPECT_THAT(into_a_pipe([] { log::info("all is well"); }), MatchesRegex("....-..-.. ..:..:.. all is well\n"));
}

TEST(Log, NamesWarningsAndErrors) {
  EXPECT_THAT(into_a_pipe([] { log::warn("the thread count is another one"); }),
              MatchesRegex(".* warning: the thread count is another one\n"));
  EXPECT_THAT(into_a_pipe([] { log::error("the disk is full"); }), MatchesRegex(".* error: the disk is full\n"));
}

TEST(Log, DoesNotReadBracesInAMessageAsAFormat) {
  EXPECT_THAT(into_a_pipe([] { log::info("{} {0} {:d}"); }), MatchesRegex(".* \\{\\} \\{0\\} \\{:d\\}\n"));
}

TEST(Log, WritesNothingToStandardOutput) {
  ::testing::internal::CaptureStdout();
  into_a_pipe([] { log::info("for the person, not for the pipe"); });
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
}

}  // namespace
}  // namespace infini
