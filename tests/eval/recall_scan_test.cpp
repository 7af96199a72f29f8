#include "eval/recall_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <map>
#include <random>

#include "model/small_model.h"

namespace infini {

// For the matchers, which look for them beside the type.
inline bool operator==(const RecalledWord& a, const RecalledWord& b) {
  return a.distance == b.distance && a.trained == b.trained && std::abs(a.nats - b.nats) < 1e-9;
}
inline void PrintTo(const RecalledWord& word, std::ostream* out) {
  *out << (word.distance ? "distance " + std::to_string(*word.distance) : "never before") << ", trained "
       << word.trained << ", " << word.nats << " nats";
}

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// A byte a token, after the document's start.
std::vector<int64_t> tokens_of(const std::string& text) {
  std::vector<int64_t> tokens = {0};
  for (const char byte : text) tokens.push_back(static_cast<unsigned char>(byte));
  return tokens;
}

WordCounts counts_of(const std::map<std::string, int64_t>& counts) {
  WordCounts result;
  for (const auto& [word, count] : counts) {
    for (int64_t i = 0; i < count; ++i) result.add(word);
  }
  return result;
}

class RecallScanOfBytes : public ::testing::Test {
 protected:
  /// Scans whole documents whose every token costs one nat, in pieces of five tokens.
  std::vector<RecalledWord> scan(const std::vector<std::string>& documents, int64_t segment_length) {
    std::vector<RecalledWord> words;
    RecallScan scan(token_bytes_, training_, segment_length, [&](const RecalledWord& word) { words.push_back(word); });
    for (const std::string& document : documents) {
      const std::vector<int64_t> tokens = tokens_of(document);
      const std::vector<double> nats(tokens.size(), 1);
      for (size_t first = 1; first < tokens.size(); first += 5) {
        const size_t count = std::min<size_t>(5, tokens.size() - first);
        scan.add({static_cast<int64_t>(first), first + count == tokens.size(), std::span(tokens).subspan(first, count),
                  std::span(nats).first(count)});
      }
    }
    return words;
  }

  std::vector<std::string> token_bytes_ = bytes_of_tokens(*make_byte_tokenizer());
  WordCounts training_ = counts_of({{"wise", 3}});
};

TEST_F(RecallScanOfBytes, TellsNeverBeforeFromTheSameSegment) {
  EXPECT_THAT(scan({"wise Wise"}, 100), ElementsAre(RecalledWord{std::nullopt, 3, 4}, RecalledWord{0, 3, 4}));
  EXPECT_THAT(scan({"wiser wise"}, 100),
              ElementsAre(RecalledWord{std::nullopt, 0, 5}, RecalledWord{std::nullopt, 3, 4}));
}

TEST_F(RecallScanOfBytes, ForgetsTheDocumentBefore) {
  EXPECT_THAT(scan({"wise", "wise"}, 100),
              ElementsAre(RecalledWord{std::nullopt, 3, 4}, RecalledWord{std::nullopt, 3, 4}));
}

TEST_F(RecallScanOfBytes, MeasuresFromTheLastOccurrenceNotTheFirst) {
  //                 1    6    11   16: tokens; segments of five: 0–4, 5–9, 10–14, 15–19
  EXPECT_THAT(scan({"wise wise xxxx wise"}, 5), ElementsAre(RecalledWord{std::nullopt, 3, 4}, RecalledWord{1, 3, 4},
                                                            RecalledWord{std::nullopt, 0, 4}, RecalledWord{2, 3, 4}));
}

TEST_F(RecallScanOfBytes, CountsSegmentsFromTheReadingOfOneToThePredictionOfTheOther) {
  // The first "wise" is read from token 1 on, in segment 0. The second begins at token `begin`, which is predicted when
  // token begin − 1 is read. Segments have ten tokens: 0–9, 10–19, 20–29.
  const auto distance = [&](int64_t begin) {
    return scan({"wise" + std::string(static_cast<size_t>(begin - 5), ' ') + "wise"}, 10).at(1).distance;
  };
  EXPECT_EQ(distance(9), 0);
  EXPECT_EQ(distance(10), 0) << "predicted from token 9, which sees the first one";
  EXPECT_EQ(distance(11), 1);
  EXPECT_EQ(distance(20), 1);
  EXPECT_EQ(distance(21), 2);
  EXPECT_EQ(distance(1001), 100);
  // Where the first one begins at token 10, it is read in segment 1.
  EXPECT_EQ(scan({"         wise  wise"}, 10).at(1).distance, 0);
}

TEST_F(RecallScanOfBytes, DropsAWordThatTheEndOfReadingMayHaveCut) {
  std::vector<RecalledWord> words;
  RecallScan scan(token_bytes_, training_, 10, [&](const RecalledWord& word) { words.push_back(word); });
  const std::vector<int64_t> tokens = tokens_of("unwise");
  const std::vector<double> nats(6, 1);
  scan.add({1, false, std::span(tokens).subspan(1, 5), std::span(nats).first(5)});  // "unwis"
  scan.add({1, true, std::span(tokens).subspan(3, 4), std::span(nats).first(4)});   // another document: "wise"
  EXPECT_THAT(words, ElementsAre(RecalledWord{std::nullopt, 3, 4}));
}

/// Words, places and losses from plain loops over a text of ASCII letters: text token i is character i.
std::vector<RecalledWord> plain_words(const std::string& text, const std::vector<double>& losses,
                                      const std::map<std::string, int64_t>& training, int64_t segment_length) {
  std::vector<RecalledWord> words;
  std::map<std::string, int64_t> last;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!std::isalpha(text[i]) || (i > 0 && std::isalpha(text[i - 1]))) continue;
    std::string word;
    double nats = 0;
    for (size_t j = i; j < text.size() && std::isalpha(text[j]); ++j) {
      word += static_cast<char>(std::tolower(text[j]));
      nats += losses[j];
    }
    if (word.size() < 4) continue;
    const int64_t token = static_cast<int64_t>(i) + 1;
    RecalledWord recalled{std::nullopt, training.contains(word) ? training.at(word) : 0, nats};
    if (last.contains(word)) recalled.distance = (token - 1) / segment_length - last[word] / segment_length;
    last[word] = token;
    words.push_back(recalled);
  }
  return words;
}

TEST_F(RecallScanOfBytes, IsThatOfPlainLoopsOverAModelsLosses) {
  const std::map<std::string, int64_t> training = {{"abcd", 7}, {"bcda", 61}};
  const WordCounts counts = counts_of(training);
  std::mt19937_64 generator(3);
  std::vector<std::string> texts(3);
  for (std::string& text : texts) {
    const size_t size = 150 + generator() % 100;
    const char* const letters[] = {"abcd", "ABcd", "bcda", "abc", "dddddddd"};
    while (text.size() < size) text += letters[generator() % 5] + std::string(generator() % 3 == 0 ? ", " : " ");
    text.pop_back();
  }
  const auto model = small_model("delta", 8, 256);
  std::vector<RecalledWord> expected;
  for (const std::string& text : texts) {
    const auto words = plain_words(text, plain_losses(*model, tokens_of(text)), training, 8);
    expected.insert(expected.end(), words.begin(), words.end());
  }
  std::vector<RecalledWord> words;
  RecallScan scan(token_bytes_, counts, 8, [&](const RecalledWord& word) { words.push_back(word); });
  const DocumentStream stream = [&, number = size_t{0}]() mutable -> std::optional<EvaluationDocument> {
    if (number == texts.size()) return std::nullopt;
    const std::vector<int64_t> tokens = tokens_of(texts[number++]);
    EvaluationDocument document;
    document.name = "text";
    document.tokens = static_cast<int64_t>(tokens.size());
    document.read = [tokens, given = size_t{0}](std::span<int64_t> out) mutable {
      const size_t count = std::min(out.size(), tokens.size() - given);
      std::copy_n(tokens.begin() + static_cast<int64_t>(given), count, out.begin());
      given += count;
      return static_cast<int64_t>(count);
    };
    return document;
  };
  // 16 tokens are scored at once, so many words lie across a border of scoring.
  measure_perplexity(*model, stream, {.score = {.chunk_tokens = 16}, .on_scored = [&](const ScoredTokens& scored) {
                                        scan.add(scored);
                                      }});
  ASSERT_GT(expected.size(), 60);
  EXPECT_EQ(words, expected);
}

}  // namespace
}  // namespace infini
