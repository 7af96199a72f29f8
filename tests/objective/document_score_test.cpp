#include "objective/document_score.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "log/error.h"
#include "model/small_model.h"

namespace infini {
namespace {

using ::testing::DoubleNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;
using ::testing::ThrowsMessage;

/// The loss of every token. Fails if a token is scored twice or out of order.
std::vector<double> losses_of(CausalLanguageModel& model, const std::vector<int64_t>& tokens,
                              const ScoreOptions& options) {
  size_t given = 0;
  const TokenReader read = [&](std::span<int64_t> out) {
    const size_t count = std::min(out.size(), tokens.size() - given);
    std::copy_n(tokens.begin() + static_cast<int64_t>(given), count, out.begin());
    given += count;
    return static_cast<int64_t>(count);
  };
  std::vector<double> losses;
  score_document(model, read, options, [&](int64_t first, std::span<const double> chunk) {
    EXPECT_EQ(first, static_cast<int64_t>(losses.size()) + 1);
    losses.insert(losses.end(), chunk.begin(), chunk.end());
  });
  return losses;
}

class DocumentScore : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Updates, DocumentScore, ::testing::Values("linear", "delta", "none"));

TEST_P(DocumentScore, IsThatOfOneForwardPassWhateverTheChunkAndTheLength) {
  const auto model = small_model(GetParam());
  for (const int64_t length : {2, 8, 9, 10, 17, 61, 65}) {
    const std::vector<int64_t> tokens = random_tokens(length);
    const std::vector<double> expected = plain_losses(*model, tokens);
    for (const int64_t chunk_tokens : {1, 8, 20, 32, 8192}) {
      EXPECT_THAT(losses_of(*model, tokens, {.chunk_tokens = chunk_tokens}), Pointwise(DoubleNear(1e-10), expected))
          << length << " tokens, " << chunk_tokens << " a chunk";
    }
  }
}

TEST_P(DocumentScore, WithoutMemoryIsThatOfEachSegmentReadAlone) {
  const auto model = small_model(GetParam());
  const std::vector<int64_t> tokens = random_tokens(45);
  std::vector<double> expected;
  for (size_t begin = 0; begin + 1 < tokens.size(); begin += 8) {
    const size_t end = std::min(begin + 9, tokens.size());
    const std::vector<double> alone = plain_losses(*model, {tokens.begin() + begin, tokens.begin() + end});
    expected.insert(expected.end(), alone.begin(), alone.end());
  }
  EXPECT_THAT(losses_of(*model, tokens, {.memory = false, .chunk_tokens = 16}), Pointwise(DoubleNear(1e-10), expected));
}

TEST_P(DocumentScore, InWindowsIsThatOfEachWindowReadAlone) {
  const auto model = small_model(GetParam());
  const std::vector<int64_t> tokens = random_tokens(75);
  for (const int64_t window : {8, 20, 24}) {  // 20: no multiple of the segments of 8
    std::vector<double> expected;
    for (int64_t begin = 0; begin < 74; begin += window) {
      const int64_t end = std::min<int64_t>(begin + window + 1, 75);
      const std::vector<double> alone = plain_losses(*model, {tokens.begin() + begin, tokens.begin() + end});
      expected.insert(expected.end(), alone.begin(), alone.end());
    }
    for (const int64_t chunk_tokens : {8, 16, 8192}) {
      EXPECT_THAT(losses_of(*model, tokens, {.chunk_tokens = chunk_tokens, .window_tokens = window}),
                  Pointwise(DoubleNear(1e-10), expected))
          << window << ", " << chunk_tokens << " a chunk";
    }
  }
}

TEST(DocumentScoreWithAShortConvolution, IsThatOfOneForwardPassAndWithoutMemoryThatOfLocalAttention) {
  const std::vector<int64_t> tokens = random_tokens(61);
  const auto local = small_model("none", 8, 40, 4);
  for (const char* const update : {"linear", "delta", "none"}) {
    const auto model = small_model(update, 8, 40, 4);
    const torch::NoGradGuard no_graph;
    for (const auto& parameter : local->named_parameters()) {
      parameter.value().copy_(model->named_parameters()[parameter.key()]);
    }
    for (const int64_t chunk_tokens : {8, 24, 8192}) {
      EXPECT_THAT(losses_of(*model, tokens, {.chunk_tokens = chunk_tokens}),
                  Pointwise(DoubleNear(1e-10), plain_losses(*model, tokens)))
          << update;
      EXPECT_THAT(losses_of(*model, tokens, {.memory = false, .chunk_tokens = chunk_tokens}),
                  Pointwise(DoubleNear(1e-10), plain_losses(*local, tokens)))
          << update;
    }
  }
}

TEST(DocumentScoreWithMemory, DiffersFromThatWithoutFromTheSecondSegmentOn) {
  const auto model = small_model("linear");
  const std::vector<int64_t> tokens = random_tokens(40);
  const std::vector<double> with = losses_of(*model, tokens, {.chunk_tokens = 16});
  const std::vector<double> without = losses_of(*model, tokens, {.memory = false, .chunk_tokens = 16});
  for (size_t i = 0; i < with.size(); ++i) {
    if (i < 8) {
      EXPECT_NEAR(with[i], without[i], 1e-12) << i;
    } else {
      EXPECT_GT(std::abs(with[i] - without[i]), 1e-9) << i;
    }
  }
}

TEST(DocumentScoreWithoutSegments, SeesTheWholeDocument) {
  const auto model = small_model("none", 0);
  const std::vector<int64_t> tokens = random_tokens(50);
  EXPECT_THAT(losses_of(*model, tokens, {.chunk_tokens = 16}),
              Pointwise(DoubleNear(1e-10), plain_losses(*model, tokens)));
}

TEST(DocumentScoreWithoutSegments, SeesNothingBeforeItsWindow) {
  const auto model = small_model("none", 0);
  const std::vector<int64_t> tokens = random_tokens(50);
  std::vector<double> expected;
  for (size_t begin = 0; begin + 1 < tokens.size(); begin += 20) {
    const size_t end = std::min(begin + 21, tokens.size());
    const std::vector<double> alone = plain_losses(*model, {tokens.begin() + begin, tokens.begin() + end});
    expected.insert(expected.end(), alone.begin(), alone.end());
  }
  EXPECT_THAT(losses_of(*model, tokens, {.chunk_tokens = 7, .window_tokens = 20}),
              Pointwise(DoubleNear(1e-10), expected));
}

TEST(DocumentScoreOfNothing, IsNothing) {
  const auto model = small_model("linear");
  EXPECT_TRUE(losses_of(*model, {}, {}).empty());
  EXPECT_TRUE(losses_of(*model, {3}, {}).empty());
}

TEST(DocumentScoreOfAForeignToken, NamesItAndWhereItStands) {
  const auto model = small_model("linear");
  std::vector<int64_t> tokens = random_tokens(40);
  tokens[33] = 40;
  EXPECT_THAT(
      [&] { losses_of(*model, tokens, {.chunk_tokens = 16}); },
      ThrowsMessage<UserError>(::testing::AllOf(HasSubstr("token 33 "), HasSubstr("is 40"), HasSubstr("0 to 39"))));
}

}  // namespace
}  // namespace infini
