#include "log/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "log/log.h"
#include "log/standard_error.h"

namespace infini {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
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

/// The lines that a terminal shows after these bytes, the last one included.
std::vector<std::string> screen(const std::string& written) {
  std::vector<std::string> lines(1);
  size_t column = 0;
  for (size_t i = 0; i < written.size(); ++i) {
    if (written[i] == '\n') {
      lines.emplace_back();
      column = 0;
    } else if (written[i] == '\r') {
      column = 0;
    } else if (written[i] == '\033') {  // "clear to the end of the line", or a colour
      const size_t end = written.find_first_of("Km", i);
      if (written[end] == 'K') lines.back().resize(column);
      i = end;
    } else {
      lines.back().resize(std::max(lines.back().size(), column + 1), ' ');
      lines.back()[column++] = written[i];
    }
  }
  return lines;
}

/// Prints the lines that a terminal shows after `work`, then ends. For a process of its own, whose log meets a terminal
/// from its first line on.
template <typename Work>
[[noreturn]] void print_screen(const Work& work) {
  for (const std::string& line : screen(into_a_terminal(80, work))) std::cerr << line << "\n";
  std::_Exit(0);
}

TEST(Progress, StaysBelowTheLinesOfTheLogOnATerminal) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto work = [] {
    Progress progress("train", 10, "steps");
    progress.update(1);
    log::info("validation loss 1.75");
    progress.update(2);  // at once: sooner than a bar is redrawn otherwise
    log::warn("a line right behind another");
    log::info("the last line");
    progress.update(3);
  };
  EXPECT_EXIT(print_screen(work), ::testing::ExitedWithCode(0),
              MatchesRegex("..:..:.. validation loss 1.75\n..:..:.. warning: a line right behind another\n"
                           "..:..:.. the last line\ntrain \\[#+-+\\] 3/10 steps[^\n]*\n\n"));
}

TEST(Progress, IsNeverDrawnIntoALineThatAnotherThreadWrites) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto work = [] {
    setenv("TERM", "xterm", 1);  // with colours, for which a line is written in pieces
    std::atomic<bool> done = false;
    std::thread other([&] {
      for (int i = 0; i < 2000; ++i) log::warn("a line of another thread");
      done = true;
    });
    while (!done) Progress("train", 10, "steps").update(1);
    other.join();
  };
  EXPECT_EXIT(print_screen(work), ::testing::ExitedWithCode(0),
              MatchesRegex("(((..:..:.. warning: a line of another thread)|(train [^\nw]*))?\n)*"));
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
