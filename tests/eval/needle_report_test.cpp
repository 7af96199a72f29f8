#include "eval/needle_report.h"

#include <gmock/gmock.h>

namespace infini {
namespace {

using ::testing::HasSubstr;

TEST(NeedleReport, IntervalsAreWilsons) {
  // Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
  const auto expect = [](int64_t successes, int64_t trials, double low, double high) {
    const Interval interval = confidence_interval(successes, trials);
    EXPECT_NEAR(interval.low, low, 5e-5);
    EXPECT_NEAR(interval.high, high, 5e-5);
  };
  expect(81, 263, 0.2553, 0.3662);
  expect(15, 148, 0.0624, 0.1605);
  expect(0, 20, 0.0000, 0.1611);
  expect(1, 29, 0.0061, 0.1718);
}

TEST(NeedleReport, PrintsTheTableBesideThePapers) {
  std::vector<NeedleResult> results;
  for (const double depth : {0.0, 0.5, 1.0}) {
    results.push_back({{1 << 20, depth, 20}, {}});
    results.back().outcome.exact = 19;
  }
  const std::string text = to_text(results, {{"start", 0}, {"middle", 0.5}, {"end", 1}}, "linear");
  EXPECT_THAT(text, HasSubstr("start"));
  EXPECT_THAT(text, HasSubstr("1M      20      95 (76–99)     95 (76–99)     95 (76–99)     96 / 94 / 100"));
}

}  // namespace
}  // namespace infini
