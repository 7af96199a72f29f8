#include "eval/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "log/error.h"

namespace infini {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

// Logits for the probabilities 0.15, 0.5, 0.05, 0.3, shifted by a constant.
torch::Tensor four_logits() { return torch::tensor({0.15, 0.5, 0.05, 0.3}).log() + 3.0; }

void expect_candidates(const std::vector<Candidate>& candidates,
                       const std::vector<std::pair<int64_t, double>>& expected) {
  ASSERT_EQ(candidates.size(), expected.size());
  for (size_t i = 0; i < candidates.size(); ++i) {
    EXPECT_EQ(candidates[i].first, expected[i].first);
    EXPECT_NEAR(candidates[i].second, expected[i].second, 1e-6);
  }
}

TEST(Nucleus, IsTheSmallestSetThatReachesTopP) {
  expect_candidates(nucleus(four_logits(), 1.0, 1.0), {{1, 0.5}, {3, 0.3}, {0, 0.15}, {2, 0.05}});
  expect_candidates(nucleus(four_logits(), 1.0, 0.9), {{1, 0.5 / 0.95}, {3, 0.3 / 0.95}, {0, 0.15 / 0.95}});
  expect_candidates(nucleus(four_logits(), 1.0, 0.7), {{1, 0.625}, {3, 0.375}});
  expect_candidates(nucleus(four_logits(), 1.0, 0.4), {{1, 1.0}});
  expect_candidates(nucleus(four_logits(), 1.0, 1e-9), {{1, 1.0}});
}

TEST(Nucleus, TakesTheTemperatureFirst) {
  // At temperature 0.5 probabilities are squared: 0.0225, 0.25, 0.0025, 0.09. Their sum is 0.365.
  expect_candidates(nucleus(four_logits(), 0.5, 1.0),
                    {{1, 0.25 / 0.365}, {3, 0.09 / 0.365}, {0, 0.0225 / 0.365}, {2, 0.0025 / 0.365}});
  expect_candidates(nucleus(four_logits(), 0.5, 0.9), {{1, 0.25 / 0.34}, {3, 0.09 / 0.34}});
  EXPECT_EQ(nucleus(four_logits(), 1.0, 0.9).size(), 3);
}

TEST(Nucleus, BreaksTiesByTheLowerId) {
  expect_candidates(nucleus(torch::tensor({1.0, 1.0, 1.0, 1.0}), 1.0, 0.5), {{0, 0.5}, {1, 0.5}});
}

TEST(Nucleus, RefusesLogitsThatAreNotFinite) {
  const auto logits = torch::tensor({0.0, std::numeric_limits<double>::quiet_NaN()});
  EXPECT_THAT([&] { nucleus(logits, 1.0, 1.0); }, ThrowsMessage<std::runtime_error>(HasSubstr("not finite")));
  EXPECT_THAT([&] { Sampler(0.0, 1.0, 0).sample(logits); }, ThrowsMessage<std::runtime_error>(HasSubstr("not finite")));
}

TEST(Sampler, DrawsEachTokenAsOftenAsItsProbabilitySays) {
  Sampler sampler(1.0, 0.9, 3);
  const int draws = 20000;
  std::map<int64_t, int> counts;
  for (int i = 0; i < draws; ++i) ++counts[sampler.sample(four_logits())];
  EXPECT_EQ(counts.size(), 3);
  for (const auto& [token, probability] :
       std::map<int64_t, double>{{1, 0.5 / 0.95}, {3, 0.3 / 0.95}, {0, 0.15 / 0.95}}) {
    const double deviation = std::sqrt(draws * probability * (1 - probability));
    EXPECT_NEAR(counts[token], draws * probability, 4 * deviation) << token;
  }
}

TEST(Sampler, AtTemperatureZeroTakesTheMostProbable) {
  Sampler sampler(0.0, 0.9, 3);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(sampler.sample(four_logits()), 1);
}

TEST(Sampler, DrawsTheSameForTheSameSeedOnly) {
  const auto draws = [](uint64_t seed) {
    Sampler sampler(1.0, 1.0, seed);
    std::vector<int64_t> tokens;
    for (int i = 0; i < 100; ++i) tokens.push_back(sampler.sample(four_logits()));
    return tokens;
  };
  EXPECT_EQ(draws(5), draws(5));
  EXPECT_NE(draws(5), draws(6));
}

TEST(Sampler, DrawsAtEveryTemperatureThatFloat32Holds) {
  EXPECT_EQ(Sampler(2e-38, 0.9, 3).sample(four_logits()), 1) << "as good as greedy";
  EXPECT_LT(Sampler(3e38, 1.0, 3).sample(four_logits()), 4);
}

TEST(Sampler, RefusesWhatFloat32RoundsToZeroOrInfinity) {
  for (const double temperature : {1e-50, 1e-40, 1e39}) {
    EXPECT_THAT([&] { Sampler(temperature, 0.9, 0); }, ThrowsMessage<UserError>(HasSubstr("temperature must be 0")));
  }
  EXPECT_THAT([] { Sampler(1.0, 1e-50, 0); }, ThrowsMessage<UserError>(HasSubstr("top-p must be from 1.2e-38 to 1")));
}

TEST(Sampler, RefusesImpossibleOptions) {
  EXPECT_THAT([] { Sampler(-1.0, 0.9, 0); }, ThrowsMessage<UserError>(HasSubstr("temperature")));
  EXPECT_THAT([] { Sampler(std::nan(""), 0.9, 0); }, ThrowsMessage<UserError>(HasSubstr("temperature")));
  EXPECT_THAT([] { Sampler(1.0, 0.0, 0); }, ThrowsMessage<UserError>(HasSubstr("top-p")));
  EXPECT_THAT([] { Sampler(1.0, 1.5, 0); }, ThrowsMessage<UserError>(HasSubstr("top-p")));
}

}  // namespace
}  // namespace infini
