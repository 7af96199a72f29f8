#include "report/perplexity_comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "report/loss_statistics.h"
#include "report/perplexity_table.h"
#include "report/run_folder.h"

namespace infini::report {
namespace {

using testing::Contains;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const std::vector<int64_t> kTokens = {100, 300, 50, 250};

/// A run that has read four documents with these losses (nats).
RunRecord run_with(const std::string& name, const std::vector<double>& nats) {
  RunRecord run;
  run.name = name;
  run.folder = "runs/" + name;
  run.configuration = "name: " + name + "\nseed: " + name.substr(name.size() - 1) + "\nsteps: 7\n";
  run.parameters = 1000;
  run.context_memory = {64, 48, 200};
  for (const double speed : {10.0, 30.0, 20.0}) {
    RecordedStep step;
    step.step = static_cast<int64_t>(run.steps.size()) + 1;
    step.tokens_per_second = speed;
    run.steps.push_back(step);
  }
  Evaluation evaluation;
  double sum = 0;
  for (size_t i = 0; i < nats.size(); ++i) {
    evaluation.documents_read.push_back({"book " + std::to_string(i), kTokens[i], nats[i]});
    evaluation.tokens += kTokens[i];
    sum += nats[i];
  }
  evaluation.documents = static_cast<int64_t>(nats.size());
  evaluation.perplexity = std::exp(sum / static_cast<double>(evaluation.tokens));
  evaluation.tokens_per_second = 500;
  run.evaluation = evaluation;
  return run;
}

const std::vector<double> kFirst = {210, 590, 120, 480}, kFirstAgain = {200, 610, 110, 500},
                          kSecond = {205, 570, 118, 470};

/// The statistics in plain loops: Σx / Σt, and the error of that ratio.
struct PlainRatio {
  double ratio = 0, error = 0;
  PlainRatio(const std::vector<double>& x, const std::vector<int64_t>& t) {
    double sum_x = 0, sum_t = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      sum_x += x[i];
      sum_t += static_cast<double>(t[i]);
    }
    ratio = sum_x / sum_t;
    double variance = 0;  // of the residuals x − R·t, whose mean is 0
    for (size_t i = 0; i < x.size(); ++i) {
      const double residual = x[i] - ratio * static_cast<double>(t[i]);
      variance += residual * residual / static_cast<double>(x.size() - 1);
    }
    // The mean of n residuals varies by variance / n; in units of the mean number of tokens.
    error = std::sqrt(variance / static_cast<double>(x.size())) / (sum_t / static_cast<double>(x.size()));
  }
};

TEST(RatioEstimate, IsThatOfPlainLoops) {
  const PlainRatio plain(kFirst, kTokens);
  const RatioEstimate estimate = estimate_ratio(kFirst, {100, 300, 50, 250});
  EXPECT_THAT(estimate.ratio, DoubleNear(plain.ratio, 1e-14));
  ASSERT_TRUE(estimate.standard_error);
  EXPECT_THAT(*estimate.standard_error, DoubleNear(plain.error, 1e-14));
}

TEST(RatioEstimate, ScattersAsItsErrorSays) {
  // 4,000 draws of 40 documents of a loss of 2 nats with known scatter.
  uint64_t state = 1;
  const auto uniform = [&] {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<double>(state >> 11) / 9007199254740992.0;
  };
  std::vector<double> ratios, errors;
  for (int draw = 0; draw < 4000; ++draw) {
    std::vector<double> x, t;
    for (int document = 0; document < 40; ++document) {
      t.push_back(100 + 900 * uniform());
      x.push_back(t.back() * (2 + uniform() - 0.5));
    }
    const RatioEstimate estimate = estimate_ratio(x, t);
    ratios.push_back(estimate.ratio);
    errors.push_back(*estimate.standard_error);
  }
  EXPECT_THAT(mean(ratios), DoubleNear(2, 0.005));
  EXPECT_THAT(mean(errors) / *standard_deviation(ratios), DoubleNear(1, 0.05));
}

TEST(RatioEstimate, HasNoErrorForOneDocument) {
  EXPECT_EQ(estimate_ratio({3}, {2}).ratio, 1.5);
  EXPECT_FALSE(estimate_ratio({3}, {2}).standard_error);
  EXPECT_FALSE(standard_deviation({3}));
  EXPECT_THAT(*standard_deviation({1, 2, 6}), DoubleNear(std::sqrt(7), 1e-14));
}

TEST(ComparePerplexities, GroupsTheSeedsOfAModel) {
  const auto comparison = compare_perplexities(
      {run_with("delta-seed1", kFirst), run_with("local-seed1", kSecond), run_with("delta-seed2", kFirstAgain)});
  ASSERT_EQ(comparison.rows.size(), 2u);
  const PerplexityRow& row = comparison.rows[0];
  EXPECT_EQ(row.model, "delta");
  EXPECT_THAT(row.runs, ElementsAre("delta-seed1", "delta-seed2"));
  EXPECT_EQ(row.seeds, 2);
  EXPECT_EQ(comparison.rows[1].model, "local");
  EXPECT_EQ(comparison.rows[1].seeds, 1);
  EXPECT_THAT(comparison.notes, IsEmpty());

  const double one = std::exp(1400.0 / 700), other = std::exp(1420.0 / 700);
  EXPECT_THAT(*row.perplexity, DoubleNear((one + other) / 2, 1e-12));
  EXPECT_THAT(*row.seed_deviation, DoubleNear(std::abs(one - other) / std::sqrt(2), 1e-12));
  EXPECT_FALSE(comparison.rows[1].seed_deviation);
  const PlainRatio averaged({205, 600, 115, 490}, kTokens);
  EXPECT_THAT(*row.standard_error, DoubleNear(*row.perplexity * averaged.error, 1e-12));
  EXPECT_EQ(row.training_speed, 20);
  EXPECT_EQ(row.evaluation_speed, 500);
  EXPECT_EQ(row.tokens, 700);
  EXPECT_EQ(row.parameters, 1000);
  EXPECT_EQ(row.memory->floats, 64);
}

TEST(ComparePerplexities, PairsTheDocumentsAfterAveragingTheSeeds) {
  const auto comparison = compare_perplexities(
      {run_with("delta-seed1", kFirst), run_with("delta-seed2", kFirstAgain), run_with("local", kSecond)});
  EXPECT_FALSE(comparison.rows[0].difference);
  // kSecond less the means 205, 600, 115, 490
  const PlainRatio plain({0, -30, 3, -20}, kTokens);
  EXPECT_THAT(*comparison.rows[1].difference, DoubleNear(plain.ratio, 1e-14));
  EXPECT_THAT(*comparison.rows[1].difference_standard_error, DoubleNear(plain.error, 1e-14));
  EXPECT_LT(*comparison.rows[1].difference, 0);
}

TEST(ComparePerplexities, DoesNotCompareAcrossDocuments) {
  RunRecord other = run_with("b", kSecond);
  other.evaluation->documents_read[2].name = "another book";
  RunRecord cut = run_with("c", kSecond);
  cut.evaluation->documents_read[3].tokens = 249;
  const auto comparison = compare_perplexities({run_with("a", kFirst), other, cut, run_with("d", kSecond)});
  EXPECT_FALSE(comparison.rows[1].difference);
  EXPECT_FALSE(comparison.rows[2].difference);
  EXPECT_TRUE(comparison.rows[1].perplexity);
  EXPECT_TRUE(comparison.rows[3].difference);
  EXPECT_THAT(comparison.notes, ElementsAre(HasSubstr("b was evaluated on other documents than a"),
                                            HasSubstr("c was evaluated on other documents than a")));
}

TEST(ComparePerplexities, LeavesOutASeedThatReadOtherDocuments) {
  RunRecord other = run_with("a-seed2", kFirstAgain);
  other.evaluation->documents_read.pop_back();
  const auto comparison = compare_perplexities({run_with("a-seed1", kFirst), other});
  EXPECT_EQ(comparison.rows[0].seeds, 1);
  EXPECT_EQ(comparison.rows[0].perplexity, std::exp(2.0));
  EXPECT_THAT(comparison.notes, ElementsAre(HasSubstr("a-seed2 was evaluated on other documents")));
}

TEST(ComparePerplexities, NamesWhatIsMissing) {
  RunRecord empty;
  empty.name = "empty";
  RunRecord older = run_with("older", kSecond);
  older.evaluation->documents_read.clear();
  older.evaluation->loss_standard_error = 0.5;
  RunRecord longer = run_with("a-seed2", kFirstAgain);
  longer.configuration += "train_length: 9\n";
  const auto comparison = compare_perplexities({run_with("a-seed1", kFirst), longer, older, empty});
  EXPECT_FALSE(comparison.rows[1].difference);
  EXPECT_THAT(*comparison.rows[1].standard_error, DoubleNear(0.5 * std::exp(1363.0 / 700), 1e-12));
  EXPECT_EQ(comparison.rows[2].seeds, 0);
  EXPECT_THAT(comparison.notes,
              UnorderedElementsAre(HasSubstr("a-seed1 and a-seed2 differ in more than the seed"),
                                   HasSubstr("older lacks the loss of each document"),
                                   HasSubstr("empty has no evaluation.json"), HasSubstr("empty has no training speed"),
                                   HasSubstr("empty has no checkpoint"), HasSubstr("empty has no context memory")));
  EXPECT_THAT(perplexity_table(comparison).rows[2],
              ElementsAre("empty", "0", "–", "–", "–", "–", "–", "–", "–", "–", "–", "–"));
}

TEST(PerplexityTable, ShowsAllThatIsKnown) {
  RunRecord first = run_with("delta-seed1", kFirst);
  first.paper = {"Infini (Linear + Delta)", 9.67, 2.23};
  const auto comparison =
      compare_perplexities({first, run_with("delta-seed2", kFirstAgain), run_with("local", kSecond)});
  const Table table = perplexity_table(comparison);
  ASSERT_EQ(table.columns.size(), table.rows[0].size());
  // exp(2) = 7.389 and exp(71/35) = 7.603
  EXPECT_THAT(table.rows[0], ElementsAre("delta", "2", HasSubstr("7.496 ± "), "± 0.151", "0", "1.00k", "64", "200",
                                         "20", "500", "9.67", "2.23"));
  EXPECT_THAT(table.rows[1], Contains(HasSubstr("−0.0671 ± 0.0")));  // −47 / 700
  const auto json = perplexity_json(comparison);
  EXPECT_EQ(json[0]["runs"], nlohmann::json({"delta-seed1", "delta-seed2"}));
  EXPECT_TRUE(json[0]["loss_difference"].is_null());
  EXPECT_THAT(json[1]["loss_difference"].get<double>(), DoubleNear(-47.0 / 700, 1e-12));
  EXPECT_EQ(json[1]["measured_bytes"], 200);
  EXPECT_TRUE(json[1]["paper_pg19"].is_null());
}

}  // namespace
}  // namespace infini::report
