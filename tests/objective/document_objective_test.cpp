#include "objective/document_objective.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/prepared_data.h"
#include "log/error.h"
#include "model/small_model.h"

namespace infini {
namespace {

/// Training and validation data: books of these lengths. Segments have 8 tokens.
class Documents {
 public:
  explicit Documents(const std::vector<int64_t>& lengths) {
    std::vector<std::string> texts;
    for (const int64_t length : lengths) texts.push_back(testing::random_text(length, texts.size()));
    testing::write_books(folder_ / "source", texts);
    testing::write_books(folder_ / "source", texts, "validation");
    prepare(testing::prepare_options(folder_ / "source", folder_ / "data"));
  }

  DocumentOptions options() const {
    DocumentOptions options;
    options.data = folder_ / "data";
    options.batches = {.rows = 2, .segment_length = 8, .segments_per_row = 4};
    options.validation_tokens = 1'000'000;
    return options;
  }

 private:
  testing::TemporaryFolder folder_;
};

bool never() { return false; }

TEST(DocumentObjective, ValidatesEveryTokenOnceWhateverTheChunk) {
  const Documents documents({90, 17, 40});
  const auto model = small_model("delta", 8, 256);
  DocumentOptions options = documents.options();
  const Metrics expected = DocumentObjective(options).validate(*model, never).value();
  EXPECT_EQ(expected.at("tokens"), 90 + 17 + 40);
  EXPECT_NEAR(expected.at("perplexity").get<double>(), std::exp(expected.at("loss").get<double>()), 1e-9);
  options.segments_per_chunk = 5;
  EXPECT_NEAR(DocumentObjective(options).validate(*model, never)->at("loss").get<double>(),
              expected.at("loss").get<double>(), 1e-10);
}

TEST(DocumentObjective, AStopEndsAValidationWithinAChunk) {
  const Documents documents({400, 400});
  const auto model = small_model("delta", 8, 256);
  int asked = 0;
  const auto stop_soon = [&] { return ++asked > 5; };
  EXPECT_FALSE(DocumentObjective(documents.options()).validate(*model, stop_soon));
  EXPECT_LT(asked, 12) << "of a hundred chunks";
}

TEST(DocumentObjective, NamesASplitWithoutATokenToPredict) {
  const Documents documents({90});
  DocumentOptions options = documents.options();
  options.validation_tokens = 0;
  const auto model = small_model("delta", 8, 256);
  EXPECT_THAT([&] { DocumentObjective(options).validate(*model, never); },
              ::testing::ThrowsMessage<UserError>(::testing::HasSubstr("set validation.every to 0")));
}

}  // namespace
}  // namespace infini
