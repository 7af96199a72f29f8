#include "text/regular_expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/temporary_folder.h"
#include "log/error.h"
#include "text/utf8.h"

namespace infini {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;

std::vector<std::string> matches(const std::string& pattern, std::string_view text) {
  std::vector<std::string> found;
  RegularExpression(pattern).for_each_match(
      text, [&](size_t begin, size_t end) { found.emplace_back(text.substr(begin, end - begin)); });
  return found;
}

std::string fault(const std::string& pattern) {
  return message_of<UserError>([&] { RegularExpression{pattern}; });
}

TEST(RegularExpression, FindsTheFirstAlternativeThatMatches) {
  EXPECT_THAT(matches("a|ab|\\d+", "ab12"), ElementsAre("a", "12"));
}

TEST(RegularExpression, LeavesOutAnEmptyMatchBehindAMatch) {
  EXPECT_THAT(matches("x*", "axb"), ElementsAre("", "x", ""));
  EXPECT_THAT(matches("x*", ""), ElementsAre(""));
}

TEST(RegularExpression, KnowsTheLettersOfUnicode16) {
  EXPECT_THAT(matches("\\p{L}+", "a\u1C89\U000105C0 \U0002EBF0"), ElementsAre("a\u1C89\U000105C0", "\U0002EBF0"))
      << "added in Unicode 16, 16 and 15.1";
  EXPECT_THAT(matches("\\p{Han}+", "\u4E00\U00031350\U0002EBF0\u3223\U00017000"),
              ElementsAre("\u4E00\U00031350\U0002EBF0"))
      << "neither a sign that several scripts use nor Tangut";
}

TEST(RegularExpression, HasTheSpacesAndWordsOfOniguruma) {
  EXPECT_THAT(matches("\\s+", "a\u0085\u3000b\u180Ec"), ElementsAre("\u0085\u3000"));
  EXPECT_THAT(matches("[^\\s]+", "a b"), ElementsAre("a", "b"));
  EXPECT_THAT(matches("\\w+", "a_1\u0301\u00B2\u200D\u24B6"), ElementsAre("a_1\u0301\u00B2", "\u24B6"));
  EXPECT_THAT(matches("^a$", "a\nb\na"), ElementsAre("a", "a")) << "^ and $ stand at every line";
}

TEST(RegularExpression, RefusesByNameWhatPcre2WouldReadOtherwise) {
  EXPECT_THAT(fault("\\h+"), HasSubstr("\\h"));
  EXPECT_THAT(fault("[a&&b]"), HasSubstr("&&"));
  EXPECT_THAT(fault("[a[b]]"), HasSubstr("inside another"));
  EXPECT_THAT(fault("[^\\S]"), HasSubstr("\\S inside a character class"));
  EXPECT_THAT(fault("a{2}+"), HasSubstr("{2}+"));
  EXPECT_THAT(fault("a{,2}"), HasSubstr("{"));
  EXPECT_THAT(fault("(?i:stop)"), HasSubstr("\"st\""));
  EXPECT_THAT(fault("(?<name>a)"), HasSubstr("group"));
  EXPECT_THAT(fault("(?m)a"), HasSubstr("group"));
  EXPECT_THAT(fault("\\p{Greek}"), HasSubstr("\\p{Greek}"));
  EXPECT_THAT(fault("(a)\\1"), HasSubstr("\\1"));
  EXPECT_THAT(fault("\\xE9"), HasSubstr("\\xE9"));
}

TEST(RegularExpression, RefusesWhatIsNoPattern) {
  EXPECT_THAT(fault("(a"), HasSubstr("no regular expression"));
  EXPECT_THAT(fault("["), HasSubstr("[ without ]"));
  EXPECT_THAT(fault("\\"), HasSubstr("\\"));
  EXPECT_THAT(fault(std::string(200, '(') + std::string(200, ')')), HasSubstr("no regular expression"));
  EXPECT_THAT(fault(std::string(100000, 'a')), HasSubstr("too long"));
}

TEST(RegularExpression, GivesUpOnAPatternThatBacktracksForEver) {
  const RegularExpression hostile("(a+)+$");
  const std::string text = std::string(40, 'a') + "b";
  EXPECT_THAT(message_of<UserError>([&] { hostile.for_each_match(text, [](size_t, size_t) {}); }),
              HasSubstr("takes too long at byte 0 of 41"));
}

TEST(RegularExpression, MatchesAMegabyteInOnePiece) {
  const std::string text(1 << 20, 'a');
  EXPECT_THAT(matches("(?:a|b)+", text), ElementsAre(text));
  EXPECT_THAT(matches("\\d", text), IsEmpty());
}

}  // namespace
}  // namespace infini
