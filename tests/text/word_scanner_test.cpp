#include "text/word_scanner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/mixed_unicode.h"
#include "text/regular_expression.h"

namespace infini {
namespace {

using ::testing::ElementsAre;
using testing::mixed_unicode;

std::vector<std::string> scanned(const WordScanner& scanner, std::string_view text) {
  std::vector<std::string> pieces;
  while (!text.empty()) {
    pieces.emplace_back(text.substr(0, scanner.piece(text)));
    text.remove_prefix(pieces.back().size());
  }
  return pieces;
}

std::vector<std::string> matched(const WordScanner& scanner, std::string_view text) {
  std::vector<std::string> pieces;
  RegularExpression(std::string(scanner.pattern)).for_each_match(text, [&](size_t begin, size_t end) {
    pieces.emplace_back(text.substr(begin, end - begin));
  });
  return pieces;
}

TEST(WordScanner, FindsTheSamePiecesAsTheRegularExpression) {
  for (const WordScanner& scanner : word_scanners()) {
    for (uint64_t seed = 0; seed < 1500; ++seed) {
      const std::string text = mixed_unicode(1 + static_cast<int>(seed % 40), seed);
      ASSERT_EQ(scanned(scanner, text), matched(scanner, text)) << scanner.name << ", seed " << seed;
    }
  }
}

TEST(WordScanner, IsFoundByItsPattern) {
  for (const WordScanner& scanner : word_scanners()) EXPECT_EQ(find_word_scanner(scanner.pattern), &scanner);
  EXPECT_EQ(find_word_scanner("\\p{L}+"), nullptr);
}

TEST(WordScanner, LeavesTheLastSpaceToTheWordBehind) {
  const WordScanner& gpt2 = word_scanners().front();
  EXPECT_THAT(scanned(gpt2, "I'll  go\n\n on 42!"), ElementsAre("I", "'ll", " ", " go", "\n\n", " on", " 42", "!"));
}

TEST(WordScanner, OfLlama3TakesThreeDigitsAndThatOfQwenOne) {
  EXPECT_THAT(scanned(word_scanners()[1], "12345"), ElementsAre("123", "45"));
  EXPECT_THAT(scanned(word_scanners()[2], "123"), ElementsAre("1", "2", "3"));
}

TEST(WordScanner, OfO200kEndsAWordBeforeACapital) {
  EXPECT_THAT(scanned(word_scanners()[3], "HTTPServer isn't"), ElementsAre("HTTPServer", " isn't"));
  EXPECT_THAT(scanned(word_scanners()[3], "helloWorld"), ElementsAre("hello", "World"));
}

}  // namespace
}  // namespace infini
