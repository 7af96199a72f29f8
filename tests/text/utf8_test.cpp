#include "text/utf8.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace infini {
namespace {

using ::testing::Eq;
using ::testing::Optional;

TEST(Utf8, AcceptsEveryLengthOfCharacter) {
  EXPECT_EQ(invalid_utf8_offset(""), std::nullopt);
  EXPECT_EQ(invalid_utf8_offset("a \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"), std::nullopt);
  EXPECT_EQ(invalid_utf8_offset(std::string_view("a\0b", 3)), std::nullopt);
}

// The cases of Unicode 15, table 3-7: what is just outside each well-formed range.
TEST(Utf8, NamesTheFirstByteThatIsNotWellFormed) {
  EXPECT_THAT(invalid_utf8_offset("ab\x80"), Optional(Eq(2)));             // a lone continuation byte
  EXPECT_THAT(invalid_utf8_offset("ab\xFFz"), Optional(Eq(2)));            // never a byte of UTF-8
  EXPECT_THAT(invalid_utf8_offset("abc\xC0\xAF"), Optional(Eq(3)));        // overlong /
  EXPECT_THAT(invalid_utf8_offset("\xE0\x9F\xBF"), Optional(Eq(0)));       // overlong in three bytes
  EXPECT_THAT(invalid_utf8_offset("x\xED\xA0\x80"), Optional(Eq(1)));      // the surrogate D800
  EXPECT_THAT(invalid_utf8_offset("x\xF4\x90\x80\x80"), Optional(Eq(1)));  // over U+10FFFF
  EXPECT_THAT(invalid_utf8_offset("caf\xE9 au lait"), Optional(Eq(3)));    // Latin-1
  EXPECT_THAT(invalid_utf8_offset("cut \xE2\x82"), Optional(Eq(4)));       // the end is missing
}

TEST(Utf8, CountsWordsAsRunsBetweenWhiteSpace) {
  EXPECT_EQ(count_words(""), 0);
  EXPECT_EQ(count_words(" \n\t"), 0);
  EXPECT_EQ(count_words("one"), 1);
  EXPECT_EQ(count_words("  Call me\r\nIshmael.\n\nSome years-ago "), 5);
}

TEST(Utf8, CutsOnlyBetweenCharacters) {
  const std::string text = "a\xF0\x9F\x98\x80z";  // borders at 0, 1, 5, 6
  const int64_t expected[] = {0, 1, 1, 1, 1, 5, 6, 6};
  for (int64_t offset = 0; offset < 8; ++offset) EXPECT_EQ(character_border(text, offset), expected[offset]) << offset;
}

}  // namespace
}  // namespace infini
