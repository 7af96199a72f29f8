#include "eval/perplexity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "eval/perplexity_report.h"
#include "log/error.h"
#include "model/small_model.h"

namespace infini {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::ThrowsMessage;

using Documents = std::vector<std::vector<int64_t>>;

/// Each document has three bytes and half a word per token.
DocumentStream stream_of(const Documents& documents) {
  return [&documents, number = size_t{0}]() mutable -> std::optional<EvaluationDocument> {
    if (number == documents.size()) return std::nullopt;
    const std::vector<int64_t>& tokens = documents[number];
    const auto text_tokens = static_cast<int64_t>(tokens.size()) - 1;
    EvaluationDocument document;
    document.name = "document " + std::to_string(number++);
    document.tokens = text_tokens + 1;
    document.bytes = 3 * text_tokens;
    document.words = text_tokens / 2;
    document.read = [&tokens, given = size_t{0}](std::span<int64_t> out) mutable {
      const size_t count = std::min(out.size(), tokens.size() - given);
      std::copy_n(tokens.begin() + static_cast<int64_t>(given), count, out.begin());
      given += count;
      return static_cast<int64_t>(count);
    };
    return document;
  };
}

TEST(Perplexity, SumsEveryTextTokenOfEveryDocument) {
  const auto model = small_model("delta");
  const Documents documents = {random_tokens(31, 1), random_tokens(2, 2), random_tokens(9, 3), random_tokens(77, 4)};
  double nats = 0;
  for (const auto& document : documents) {
    const std::vector<double> losses = plain_losses(*model, document);
    nats += std::accumulate(losses.begin(), losses.end(), 0.0);
  }
  const Perplexity result = measure_perplexity(*model, stream_of(documents), {.score = {.chunk_tokens = 16}});
  EXPECT_EQ(result.tokens, 30 + 1 + 8 + 76);
  EXPECT_EQ(result.documents, 4);
  EXPECT_EQ(result.bytes, 3 * 115);
  EXPECT_EQ(result.words, 15 + 0 + 4 + 38);
  EXPECT_NEAR(result.nats, nats, 1e-8);
  EXPECT_NEAR(result.loss(), nats / 115, 1e-10);
  EXPECT_NEAR(result.token_perplexity(), std::exp(nats / 115), 1e-7);
  EXPECT_NEAR(std::log(result.word_perplexity()), nats / 57, 1e-8);
  EXPECT_NEAR(result.bits_per_byte(), std::log2(std::exp(1.0)) * nats / 345, 1e-8);
}

TEST(PerplexityOfDocuments, IsThatOfEachOneWithTheStandardErrorOfTheWhole) {
  const auto model = small_model("delta");
  const Documents documents = {random_tokens(31, 1), {1}, random_tokens(9, 3), random_tokens(77, 4)};
  const Perplexity result = measure_perplexity(*model, stream_of(documents), {.score = {.chunk_tokens = 16}});
  const std::vector<size_t> scored = {0, 2, 3};  // document 1 has no text
  ASSERT_EQ(result.documents_read.size(), scored.size());
  std::vector<double> nats, tokens;
  for (size_t i = 0; i < scored.size(); ++i) {
    const std::vector<double> losses = plain_losses(*model, documents[scored[i]]);
    nats.push_back(std::accumulate(losses.begin(), losses.end(), 0.0));
    tokens.push_back(static_cast<double>(losses.size()));
    EXPECT_EQ(result.documents_read[i].name, "document " + std::to_string(scored[i]));
    EXPECT_EQ(result.documents_read[i].tokens, losses.size());
    EXPECT_EQ(result.documents_read[i].bytes, 3 * losses.size());
    EXPECT_EQ(result.documents_read[i].words, losses.size() / 2);
    EXPECT_NEAR(result.documents_read[i].nats, nats[i], 1e-8);
  }
  // The textbook's form of a ratio's variance: (s_x² + R²·s_t² − 2·R·s_xt) / (n·mean(t)²).
  const double mean_x = (nats[0] + nats[1] + nats[2]) / 3, mean_t = (tokens[0] + tokens[1] + tokens[2]) / 3;
  const double ratio = mean_x / mean_t;
  double xx = 0, tt = 0, xt = 0;
  for (size_t i = 0; i < 3; ++i) {
    xx += (nats[i] - mean_x) * (nats[i] - mean_x) / 2;
    tt += (tokens[i] - mean_t) * (tokens[i] - mean_t) / 2;
    xt += (nats[i] - mean_x) * (tokens[i] - mean_t) / 2;
  }
  const double error = std::sqrt((xx + ratio * ratio * tt - 2 * ratio * xt) / (3 * mean_t * mean_t));
  EXPECT_NEAR(result.loss_standard_error().value(), error, 1e-8);
  const nlohmann::json json = to_json(result);
  EXPECT_EQ(json.at("documents"), 3);
  EXPECT_EQ(json.at("documents_read").at(2).at("tokens"), 76);
  EXPECT_NEAR(json.at("loss_standard_error").get<double>(), error, 1e-8);
  EXPECT_THAT(to_text(result), HasSubstr(" between documents\n"));
}

TEST(PerplexityOfDocuments, HasNoStandardErrorForOne) {
  const auto model = small_model("linear");
  const Documents documents = {random_tokens(30, 1)};
  const Perplexity result = measure_perplexity(*model, stream_of(documents));
  EXPECT_FALSE(result.loss_standard_error());
  EXPECT_TRUE(to_json(result).at("loss_standard_error").is_null());
  EXPECT_THAT(to_text(result), Not(HasSubstr("between documents")));
}

TEST(PerplexityReading, HandsOutEachTokenWithItsLossOnce) {
  const auto model = small_model("delta");
  const Documents documents = {random_tokens(31, 1), random_tokens(33, 3), random_tokens(17, 4)};
  Documents tokens;
  std::vector<std::vector<double>> nats;
  std::vector<bool> ended;
  PerplexityOptions options{.score = {.chunk_tokens = 16}, .max_tokens = 70};
  options.on_scored = [&](const ScoredTokens& scored) {
    if (scored.first == 1) {
      tokens.push_back({0});
      nats.emplace_back();
      ended.push_back(false);
    }
    EXPECT_EQ(scored.first, tokens.back().size());
    EXPECT_FALSE(ended.back());
    tokens.back().insert(tokens.back().end(), scored.tokens.begin(), scored.tokens.end());
    nats.back().insert(nats.back().end(), scored.nats.begin(), scored.nats.end());
    ended.back() = scored.last;
  };
  measure_perplexity(*model, stream_of(documents), options);
  ASSERT_EQ(tokens.size(), 3);
  EXPECT_THAT(ended, ElementsAre(true, true, false)) << "the limit cuts the last document";
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(tokens[i].size(), i == 2 ? 1 + 70 - 30 - 32 : documents[i].size());
    const std::vector<double> losses = plain_losses(*model, documents[i]);
    for (size_t token = 1; token < tokens[i].size(); ++token) {
      EXPECT_EQ(tokens[i][token], documents[i][token]);
      EXPECT_NEAR(nats[i][token - 1], losses[token - 1], 1e-9);
    }
  }
}

TEST(PerplexityByPosition, HasDoublingBucketsThatAddUp) {
  const auto model = small_model("linear", 64);
  const Documents documents = {random_tokens(1101, 1), random_tokens(300, 2)};
  const std::vector<double> first = plain_losses(*model, documents[0]), second = plain_losses(*model, documents[1]);
  const Perplexity result = measure_perplexity(*model, stream_of(documents), {.score = {.chunk_tokens = 128}});
  ASSERT_EQ(result.positions.size(), 4);
  const int64_t borders[] = {0, 256, 512, 1024, 2048};
  for (size_t bucket = 0; bucket < 4; ++bucket) {
    const PositionLoss& position = result.positions[bucket];
    EXPECT_EQ(position.from, borders[bucket]);
    EXPECT_EQ(position.to, borders[bucket + 1] - 1);
    double nats = 0;
    int64_t tokens = 0;
    for (const auto* losses : {&first, &second}) {
      for (int64_t i = position.from; i <= position.to && i < static_cast<int64_t>(losses->size()); ++i, ++tokens) {
        nats += losses->at(i);
      }
    }
    EXPECT_EQ(position.tokens, tokens);
    EXPECT_NEAR(position.nats, nats, 1e-8);
  }
}

TEST(PerplexityOfTheFirstTokens, CutsTheLastDocumentAndItsWords) {
  const auto model = small_model("linear");
  const Documents documents = {random_tokens(21, 1), random_tokens(41, 2), random_tokens(10, 3)};
  const Perplexity result = measure_perplexity(*model, stream_of(documents), {.max_tokens = 30});
  EXPECT_EQ(result.tokens, 30);
  EXPECT_EQ(result.documents, 2);
  EXPECT_EQ(result.bytes, 60 + 30);
  EXPECT_EQ(result.words, 10 + 5);
  const std::vector<double> whole = plain_losses(*model, documents[0]), cut = plain_losses(*model, documents[1]);
  EXPECT_NEAR(result.nats,
              std::accumulate(whole.begin(), whole.end(), 0.0) + std::accumulate(cut.begin(), cut.begin() + 10, 0.0),
              1e-9);
}

TEST(PerplexityOfAModelWithoutMemory, SaysSo) {
  const Documents documents = {random_tokens(20, 1)};
  EXPECT_TRUE(measure_perplexity(*small_model("linear"), stream_of(documents)).memory);
  EXPECT_FALSE(measure_perplexity(*small_model("none"), stream_of(documents)).memory);
}

TEST(PerplexityJson, HasEveryKeyAndNoNumberThatJsonCannotHold) {
  const auto model = small_model("linear");
  const Documents documents = {random_tokens(2, 1)};  // one token, no word
  const Perplexity result = measure_perplexity(*model, stream_of(documents), {.score = {.memory = false}});
  const nlohmann::json json = nlohmann::json::parse(to_json(result).dump());
  for (const char* key :
       {"perplexity", "bits_per_byte", "loss", "tokens", "words", "bytes", "documents", "tokens_per_second"}) {
    EXPECT_TRUE(json.at(key).is_number()) << key;
  }
  EXPECT_TRUE(json.at("word_perplexity").is_null());
  EXPECT_EQ(json.at("memory"), false);
  EXPECT_EQ(json.at("positions").at(0).at("from"), 0);
  EXPECT_EQ(json.at("positions").at(0).at("to"), 255);
  EXPECT_EQ(json.at("positions").at(0).at("tokens"), 1);
  EXPECT_DOUBLE_EQ(json.at("positions").at(0).at("loss"), result.nats);
}

TEST(WordPerplexityOfTextWithoutSpaces, IsLeftOutWithAWarningThatSaysWhatToCompareInstead) {
  Perplexity spaceless;
  spaceless.nats = 5000;
  spaceless.tokens = 2000;
  spaceless.words = 2;
  EXPECT_TRUE(to_json(spaceless).at("word_perplexity").is_null());
  EXPECT_THAT(to_text(spaceless), AllOf(HasSubstr("word perplexity     none\n"), Not(HasSubstr("inf"))));
  EXPECT_THAT(warnings(spaceless), ElementsAre(AllOf(HasSubstr("2 words"), HasSubstr("bits per byte"))));
  Perplexity prose = spaceless;
  prose.words = 400;
  EXPECT_THAT(warnings(prose), IsEmpty());
}

TEST(PerplexityOfTextThatTheTokenizerCannotExpress, IsMarkedAndHasNoBitsPerByte) {
  const auto model = small_model("linear");
  const Documents documents = {{1, 3, 39, 4, 39, 5}};
  const auto measured = [&](std::optional<int32_t> unk, int64_t max_tokens) {
    const DocumentStream plain = stream_of(documents);
    const DocumentStream marked = [&] {
      auto document = plain();
      if (document) document->unk = unk;
      return document;
    };
    return measure_perplexity(*model, marked, {.max_tokens = max_tokens});
  };
  const Perplexity result = measured(39, 0);
  EXPECT_EQ(result.unknown_tokens, 2);
  EXPECT_EQ(measured(39, 2).unknown_tokens, 1);
  const nlohmann::json json = to_json(result);
  EXPECT_EQ(json.at("unknown_tokens"), 2);
  EXPECT_TRUE(json.at("bits_per_byte").is_null());
  EXPECT_TRUE(json.at("word_perplexity").is_null());
  EXPECT_THAT(to_text(result),
              ::testing::AllOf(HasSubstr("bits per byte       -\n"), HasSubstr("2 of 5: the tokenizer")));

  const Perplexity whole = measured(std::nullopt, 0);
  EXPECT_EQ(whole.unknown_tokens, 0);
  EXPECT_TRUE(to_json(whole).at("bits_per_byte").is_number());
  EXPECT_THAT(to_text(whole), ::testing::Not(HasSubstr("unknown")));
}

TEST(PerplexityThatIsNotFinite, NamesTheDocument) {
  const auto model = small_model("linear");
  {
    torch::NoGradGuard no_gradient;
    model->named_parameters()["model.embed_tokens.weight"][39].fill_(std::nan(""));
  }
  std::vector<int64_t> good = random_tokens(20, 1, 39), bad = random_tokens(20, 2, 39);
  bad[11] = 39;
  const Documents documents = {good, bad};
  EXPECT_THAT([&] { measure_perplexity(*model, stream_of(documents)); },
              ThrowsMessage<std::runtime_error>(::testing::AllOf(HasSubstr("document 1"), HasSubstr("is nan"))));
}

TEST(PerplexityOfEmptyDocuments, IsRefused) {
  const auto model = small_model("linear");
  const Documents documents = {{1}, {1}};
  EXPECT_THROW(measure_perplexity(*model, stream_of(documents)), UserError);
}

}  // namespace
}  // namespace infini
