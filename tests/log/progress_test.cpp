#include "log/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>

#include "log/standard_error.h"

namespace infini {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ProgressBar, ShowsTheShareDoneTheRateAndTheTimeLeft) {
  const ProgressState state{"train", "steps", 25, 100, 2.5, "loss 1.75"};
  EXPECT_EQ(progress_bar(state, 200),
            "train [#######-----------------------] 25/100 steps, 2.5 steps/s, 0:30 left, loss 1.75");
}

TEST(ProgressBar, HasNoRateBeforeAnythingIsDone) {
  EXPECT_EQ(progress_bar({"read", "tokens", 0, 1234567, 0, ""}, 200),
            "read [------------------------------] 0/1,234,567 tokens");
}

TEST(ProgressBar, FitsTheTerminalByAShorterBarThenByNoneThenByCuttingTheEnd) {
  const ProgressState state{"train", "steps", 50, 100, 0, ""};
  EXPECT_EQ(progress_bar(state, 31), "train [#####-----] 50/100 steps");
  EXPECT_EQ(progress_bar(state, 20), "train 50/100 steps");
  EXPECT_EQ(progress_bar(state, 8), "train 50");
}

TEST(ProgressBar, CutsBetweenCharactersNeverInsideOne) {
  EXPECT_EQ(progress_bar({"Übung", "Sätze", 1, 2, 0, ""}, 12), "Übung 1/2 Sä");
}

TEST(ProgressBar, StaysFullWhenMoreIsDoneThanWasExpected) {
  EXPECT_THAT(progress_bar({"read", "tokens", 3, 2, 1, ""}, 200),
              HasSubstr("[##############################] 3/2 tokens"));
}

TEST(ProgressLine, SaysTheSameInPlainText) {
  EXPECT_EQ(progress_line({"train", "tokens", 333, 1000, 12345.6, "loss 2"}),
            "train: 333/1,000 tokens (33%), 12,346 tokens/s, 0:00 left, loss 2");
  EXPECT_EQ(progress_line({"read", "files", 0, 7300, 0, ""}), "read: 0/7,300 files (0%)");
}

TEST(ProgressLine, CountsHoursWhenThereAreAny) {
  EXPECT_THAT(progress_line({"train", "steps", 1, 3701, 1, ""}), HasSubstr("1:01:40 left"));
  EXPECT_THAT(progress_line({"train", "steps", 1, 600, 1, ""}), HasSubstr("9:59 left"));
}

TEST(Progress, OutsideATerminalIsPlainLinesAndFew) {
  const std::string written = into_a_pipe([] {
    Progress progress("train", 1000, "steps");
    for (int step = 1; step <= 1000; ++step) progress.update(step);
    progress.finish();
  });
  EXPECT_THAT(written, HasSubstr("train: 1,000/1,000 steps (100%)"));
  EXPECT_THAT(written, Not(HasSubstr("\r")));
  EXPECT_THAT(written, Not(HasSubstr("\033")));
  EXPECT_LT(std::count(written.begin(), written.end(), '\n'), 10);
}

TEST(Progress, OnATerminalRedrawsOneLineThatFitsIt) {
  const std::string written = into_a_terminal(40, [] {
    Progress progress("train", 1000, "steps");
    for (int step = 1; step <= 1000; ++step) progress.update(step, "a detail too long for a terminal of 40 columns");
    progress.finish();
  });
  ASSERT_THAT(written, HasSubstr("1,000/1,000"));
  EXPECT_EQ(std::count(written.begin(), written.end(), '\n'), 1);
  std::istringstream redraws(written);
  for (std::string line; std::getline(redraws, line, '\r');) {
    const size_t begin = line.find("\033[K");
    if (begin == std::string::npos) continue;
    EXPECT_LT(line.size() - begin - 3, 40u) << line;
  }
}

TEST(Progress, LeavesTheCursorOnANewLineWhenTheWorkIsBrokenOff) {
  const std::string written = into_a_terminal(80, [] {
    Progress progress("train", 10, "steps");
    progress.update(1);
  });
  EXPECT_THAT(written, ::testing::EndsWith("\n"));
}

TEST(Progress, DoesNotCountEarlierWorkForTheRate) {
  const std::string written = into_a_pipe([] {
    Progress progress("train", 1000000, "steps", 999999);
    progress.update(999999);
    progress.finish();
  });
  EXPECT_THAT(written, Not(HasSubstr("steps/s")));
}

}  // namespace
}  // namespace infini
