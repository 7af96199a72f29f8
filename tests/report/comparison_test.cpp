#include "report/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/curve.h"
#include "report/run_folder.h"

namespace infini::report {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Comparison : public testing::Test {
 protected:
  Comparison() {
    write_finished_run(folder_, "infini", kDeltaConfig);
    write_finished_run(folder_, "local", kLocalConfig, "1.75");
    runs_ = {read_run(folder_.path() / "infini"), read_run(folder_.path() / "local")};
  }
  TemporaryFolder folder_;
  std::vector<RunRecord> runs_;
};

TEST_F(Comparison, TheTableHoldsEachRunsNumbers) {
  // Parameters 256·192 + 4·192 + 6 = 49,926; the median of 900, 1300 and 1000 tokens/s; exp(1.5), 1.5 / ln 2 and
  // exp(1.75) from a table of logarithms.
  EXPECT_THAT(results_table(runs_).rows[0],
              ElementsAre("infini", "delta", "49.9k", "3.00k", "1.00k", "4.482", "2.1640", "3641.95", "5.755"));
  EXPECT_THAT(results_table(runs_).rows[1],
              ElementsAre("local", "none", "49.9k", "3.00k", "1.00k", "5.755", "2.1640", "3641.95", "–"));
  EXPECT_EQ(results_table(runs_).columns.size(), results_table(runs_).rows[0].size());
}

TEST_F(Comparison, TheSettingsNameTheModelAndTheCostOfTraining) {
  // Padding: the mean of 0, 2 and 1 %; peak memory: the largest, 2^31 bytes.
  EXPECT_THAT(settings_table(runs_).rows[0], ElementsAre("infini", "4", "192", "6 (2 key/value)", "256", "128", "3",
                                                         "1", "1.0 %", "2.00 GiB", "4", "123k"));
}

TEST_F(Comparison, TheHeadlineGivesEveryRunAndTheFirstWithItsMemoryOff) {
  // exp(1.75) / exp(1.5) = exp(0.25) = 1.284
  EXPECT_EQ(headline(runs_),
            "infini reaches a test perplexity of 4.482 (5.755 with its memory switched off); "
            "local reaches 5.755, 28.4% higher.");
  EXPECT_THAT(headline({runs_[1], runs_[0]}), HasSubstr("infini reaches 4.482, 22.1% lower."));
  EXPECT_THAT(headline({runs_[0], runs_[0]}), HasSubstr("the same within 0.1%"));
}

TEST_F(Comparison, AMissingEvaluationIsSaidAndLeavesADash) {
  runs_[1].evaluation.reset();
  EXPECT_THAT(headline(runs_), HasSubstr("; local has none yet."));
  EXPECT_EQ(results_table(runs_).rows[1][5], "–");
  EXPECT_EQ(headline({runs_[1]}), "local has no test perplexity yet.");
  RunRecord empty;
  empty.name = "empty";
  EXPECT_THAT(results_table({empty}).rows[0], ElementsAre("empty", "–", "–", "–", "–", "–", "–", "–", "–"));
  EXPECT_THAT(settings_table({empty}).rows[0],
              ElementsAre("empty", "–", "–", "–", "–", "–", "–", "–", "–", "–", "–", "–"));
}

TEST_F(Comparison, RunsThatDoNotCompareAreCalledOut) {
  EXPECT_THAT(notes(runs_), IsEmpty());
  runs_[1].evaluation->tokens = 99;
  EXPECT_THAT(notes(runs_), ElementsAre(HasSubstr("different numbers of test tokens")));
  runs_[1].model->vocab_size = 32000;
  EXPECT_THAT(notes(runs_), ElementsAre(HasSubstr("different vocabularies")));
  runs_[0].notes = {"config.yaml is missing."};
  EXPECT_THAT(notes(runs_), ElementsAre(HasSubstr("vocabularies"), "infini: config.yaml is missing."));
}

TEST(Format, CountsKeepThreeDigitsAndNeverReachAThousandOfTheirUnit) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1585152), "1.59M");
  EXPECT_EQ(format_count(98304), "98.3k");
  EXPECT_EQ(format_count(999499), "999k");
  EXPECT_EQ(format_count(999500), "1.00M");
  EXPECT_EQ(format_count(2.1e9), "2.10B");
}

TEST(Format, ExactCountsHaveAllDigits) {
  EXPECT_EQ(format_exact(0), "0");
  EXPECT_EQ(format_exact(999), "999");
  EXPECT_EQ(format_exact(1000), "1,000");
  EXPECT_EQ(format_exact(183451648), "183,451,648");
}

TEST(Format, PerplexityShowsWhatDiffers) {
  EXPECT_EQ(format_perplexity(4.48169), "4.482");
  EXPECT_EQ(format_perplexity(11.884), "11.88");
  EXPECT_EQ(format_perplexity(3641.9503), "3641.95");
}

TEST(Median, IsTheMiddleValueOrTheMeanOfTheMiddleTwo) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_EQ(median({}), std::nullopt);
}

TEST(Curve, SmoothingIsTheMeanOfTheWindowAroundEachPoint) {
  const Curve curve{{1, 2, 3, 4, 5}, {10, 20, 30, 40, 50}, {1, 2, 6, 4, 12}};
  EXPECT_THAT(smoothed(curve, 3).value, ElementsAre(1.5, 3, 4, 22.0 / 3, 8));
  EXPECT_THAT(smoothed(curve, 2).value, ElementsAre(1.5, 4, 5, 8, 12));
  EXPECT_THAT(smoothed(curve, 1).value, ElementsAre(1, 2, 6, 4, 12));
  EXPECT_THAT(smoothed(curve, 3).tokens, ElementsAre(10, 20, 30, 40, 50));
}

TEST(Curve, ThinningKeepsTheFirstAndTheLastPoint) {
  const Curve curve{{1, 2, 3, 4, 5}, {10, 20, 30, 40, 50}, {1, 2, 6, 4, 12}};
  EXPECT_THAT(thinned(curve, 3).step, ElementsAre(1, 3, 5));
  EXPECT_THAT(thinned(curve, 3).value, ElementsAre(1, 6, 12));
  EXPECT_THAT(thinned(curve, 9).step, ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(Comparison, ACurveLeavesOutTheStepsWithoutTheQuantity) {
  const Curve loss = curve_of(runs_[0].steps, [](const RecordedStep& step) { return step.loss; });
  EXPECT_THAT(loss.step, ElementsAre(1, 3));
  EXPECT_THAT(loss.tokens, ElementsAre(1000, 3000));
  EXPECT_THAT(loss.value, ElementsAre(5.5, 4.5));
}

}  // namespace
}  // namespace infini::report
