#include "report/table.h"

#include <gtest/gtest.h>

namespace infini::report {
namespace {

const Table kTable{{"model", "size", "word"}, {{"größte", "12.25", "x"}, {"b", "–", "long one"}}};

TEST(PlainText, StandsRunsSideBySideAlignedByCharactersNotBytes) {
  EXPECT_EQ(plain_text({{"run", "größe"}, {{"größte", "–"}, {"b", "12.25"}}}),
            "run    größte      b\n"
            "größe       –  12.25\n");
}

TEST(AlignedText, PutsNumbersToTheRightAndWordsToTheLeft) {
  EXPECT_EQ(aligned_text(kTable),
            "model    size  word\n"
            "größte  12.25  x\n"
            "b           –  long one\n");
}

TEST(Markdown, IsATableOfPipes) {
  EXPECT_EQ(markdown(kTable),
            "| model | size | word |\n"
            "| --- | ---: | --- |\n"
            "| größte | 12.25 | x |\n"
            "| b | – | long one |\n");
}

TEST(Csv, QuotesWhatWouldBreakARowAndLeavesMissingValuesEmpty) {
  const auto rows = nlohmann::ordered_json::parse(
      R"([{"name": "a, \"b\"", "value": 0.1, "runs": ["x", "y"]}, {"name": "c", "value": null, "runs": []}])");
  EXPECT_EQ(csv(rows),
            "name,value,runs\n"
            "\"a, \"\"b\"\"\",0.1,x y\n"
            "c,,\n");
  EXPECT_EQ(csv(nlohmann::ordered_json::array()), "");
}

}  // namespace
}  // namespace infini::report
