#include "eval/recall_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "eval/recall_comparison.h"
#include "eval/recall_report.h"

namespace infini {
namespace {

using ::testing::HasSubstr;

constexpr size_t kLastBand = kRarityBands.size() - 1;

/// The row that a word at this distance is counted in.
size_t row_at(int64_t distance) {
  RecallTable table;
  table.add({distance, 0, 1.0}, 1.0);
  return table.rows() - 1;
}

TEST(RecallTable, HasRowsOfDoublingDistances) {
  const std::vector<std::pair<int64_t, int64_t>> rows = {{0, 0},  {1, 1},   {2, 2},   {3, 4},   {5, 8},
                                                         {9, 16}, {17, 32}, {33, 64}, {65, 128}};
  for (size_t row = 0; row < rows.size(); ++row) {
    EXPECT_EQ(distances_of_row(row).from, rows[row].first);
    EXPECT_EQ(distances_of_row(row).to, rows[row].second);
    EXPECT_EQ(row_at(rows[row].first), row);
    EXPECT_EQ(row_at(rows[row].second), row);
  }
}

TEST(RecallTable, HasBandsOfRarityThatAddUpToAtMost20And60) {
  RecallTable table;
  const std::vector<std::vector<int64_t>> bands = {{0}, {1, 5}, {6, 20}, {21, 60}, {61, 1000000}};
  for (const auto& counts : bands) {
    for (const int64_t count : counts) table.add({std::nullopt, count, 0}, static_cast<double>(count));
  }
  for (size_t band = 0; band < bands.size(); ++band) {
    double sum = 0;
    for (const int64_t count : bands[band]) sum += static_cast<double>(count);
    const MeanLoss mean = table.never_before(band, band);
    EXPECT_EQ(mean.words(), static_cast<int64_t>(bands[band].size()));
    EXPECT_DOUBLE_EQ(*mean.mean(), sum / static_cast<double>(bands[band].size()));
  }
  EXPECT_DOUBLE_EQ(*table.never_before(0, 2).mean(), (0 + 1 + 5 + 6 + 20) / 5.0);
  EXPECT_DOUBLE_EQ(*table.never_before(0, 3).mean(), (0 + 1 + 5 + 6 + 20 + 21 + 60) / 7.0);
  EXPECT_EQ(table.rows(), 0);
}

TEST(MeanLoss, HasTheStandardErrorOfItsWords) {
  MeanLoss mean;
  EXPECT_FALSE(mean.mean());
  mean.add(2);
  EXPECT_FALSE(mean.standard_error());
  for (const double nats : {4.0, 4.0, 6.0}) mean.add(nats);
  EXPECT_DOUBLE_EQ(*mean.mean(), 4);
  EXPECT_DOUBLE_EQ(*mean.standard_error(), std::sqrt((4.0 + 0 + 0 + 4) / 3 / 4));
}

/// Two models on one document of the words "wise" and "read", a nat more or less each.
class RecallComparisonOfTwo : public ::testing::Test {
 protected:
  /// Each word's loss falls on its first letter.
  void score(RecallComparison& comparison, const std::vector<double>& losses_of_words) {
    std::vector<int64_t> tokens;
    std::vector<double> nats;
    for (size_t i = 0; i < kWords.size(); ++i) {
      for (const char letter : kWords[i] + " ") tokens.push_back(letter);
      nats.insert(nats.end(), {losses_of_words[i], 0, 0, 0, 0});
    }
    comparison.begin_model();
    comparison.add({1, true, tokens, nats});
  }

  RecallComparisonOfTwo() {
    score(comparison_, kFirst);
    score(comparison_, kOther);
  }

  const std::vector<std::string> kWords = {"wise", "read", "moon", "wise", "read", "moon"};
  const std::vector<double> kFirst = {9, 8, 7, 2, 3, 1}, kOther = {10, 10, 7, 7, 9, 8};
  const std::vector<std::string> token_bytes_ = bytes_of_tokens(*make_byte_tokenizer());
  const WordCounts training_;
  RecallComparison comparison_{token_bytes_, training_, 15};
};

TEST_F(RecallComparisonOfTwo, HasEachModelsOwnLosses) {
  // Segments of 15 tokens. The words are at tokens 1, 6 and 11, and again at 16, 21 and 26.
  ASSERT_EQ(comparison_.models().size(), 2);
  for (size_t model = 0; model < 2; ++model) {
    const RecallTable& losses = comparison_.models()[model].losses;
    EXPECT_EQ(losses.rows(), 2) << "all at distance 1";
    const std::vector<double>& own = model == 0 ? kFirst : kOther;
    EXPECT_DOUBLE_EQ(*losses.never_before(0, kLastBand).mean(), (own[0] + own[1] + own[2]) / 3);
    EXPECT_DOUBLE_EQ(*losses.returned(1, 0, kLastBand).mean(), (own[3] + own[4] + own[5]) / 3);
  }
}

TEST_F(RecallComparisonOfTwo, ComparesWordByWord) {
  // Differences: 1, 2, 0 for words that are new, 5, 6, 7 for words that return.
  const auto gain = comparison_.models()[1].above_the_first.gain(1, 0, kLastBand);
  ASSERT_TRUE(gain);
  EXPECT_DOUBLE_EQ(gain->nats, 6 - 1);
  EXPECT_DOUBLE_EQ(gain->standard_error, std::sqrt(1.0 / 3 + 1.0 / 3));
  EXPECT_FALSE(comparison_.models()[1].above_the_first.gain(0, 0, kLastBand)) << "no words in the same segment";
}

TEST_F(RecallComparisonOfTwo, RefusesAModelThatReadsOtherWords) {
  const std::vector<int64_t> tokens(4, 'a');
  const std::vector<double> nats(4, 1.0);
  EXPECT_THROW(comparison_.add({1, true, tokens, nats}), std::logic_error);
}

class RecallReportOfTwo : public RecallComparisonOfTwo {
 protected:
  RecallReportOfTwo() {
    for (size_t i = 0; i < 2; ++i) {
      Perplexity perplexity;
      perplexity.nats = 30;
      perplexity.tokens = 30;
      perplexity.memory = i == 0;
      report_.models.push_back(
          {i == 0 ? "run" : "run, memory off", "runs/run", i == 1, perplexity, comparison_.models()[i]});
    }
  }
  RecallReport report_{.segment_length = 15, .training = "data/books", .training_words = 5, .models = {}};
};

TEST_F(RecallReportOfTwo, HasAllCellsAndTheGains) {
  const nlohmann::json json = nlohmann::json::parse(to_json(report_).dump());
  EXPECT_EQ(json.at("segment_length"), 15);
  const nlohmann::json& other = json.at("models").at(1);
  EXPECT_EQ(other.at("name"), "run, memory off");
  EXPECT_EQ(other.at("memory_off"), true);
  EXPECT_EQ(other.at("cells").size(), 5 * 3) << "five bands of rarity; never before, 0 and 1";
  EXPECT_EQ(other.at("summed").size(), 3 * 3);
  const auto row = [](const nlohmann::json& rows, const std::string& distance, const nlohmann::json& to) {
    for (const nlohmann::json& one : rows) {
      if (one.at("distance") == distance && one.at("trained_from") == 0 && one.at("trained_to") == to) return one;
    }
    return nlohmann::json();
  };
  const nlohmann::json rare = row(other.at("summed"), "1", 20);
  EXPECT_EQ(rare.at("words"), 3);
  EXPECT_EQ(rare.at("nats"), 8.0);
  EXPECT_DOUBLE_EQ(rare.at("standard_error").get<double>(), std::sqrt(1.0 / 3));
  EXPECT_TRUE(row(other.at("cells"), "0", 0).at("nats").is_null());
  EXPECT_EQ(row(other.at("cells"), "never before", 0).at("nats"), 9.0);
  EXPECT_EQ(row(other.at("cells"), "never before", 0).at("distance_from"), nullptr);
  EXPECT_EQ(row(other.at("gains_of_the_first"), "1", nullptr).at("gain"), 5.0);
  EXPECT_TRUE(row(other.at("gains_of_the_first"), "0", 20).at("gain").is_null());
  EXPECT_FALSE(json.at("models").at(0).contains("gains_of_the_first"));
}

TEST_F(RecallReportOfTwo, ShowsAPersonATableOfRareWords) {
  const std::string text = to_text(report_);
  EXPECT_THAT(text, HasSubstr("at most 20 times"));
  EXPECT_THAT(text, HasSubstr("distance           words               run   run, memory off\n"));
  EXPECT_THAT(text, HasSubstr("never before           3    8.000 +- 0.577    9.000 +- 1.000\n"));
  EXPECT_THAT(text, HasSubstr("same segment           0                 -                 -\n"));
  EXPECT_THAT(text, HasSubstr("1                      3    2.000 +- 0.577    8.000 +- 0.577\n"));
}

}  // namespace
}  // namespace infini
