#include "text/letters.h"

#include <gtest/gtest.h>

namespace infini {
namespace {

TEST(LowerCaseLetter, IsThatOfEveryScript) {
  EXPECT_EQ(lower_case_letter("a"), "a");
  EXPECT_EQ(lower_case_letter("Z"), "z");
  EXPECT_EQ(lower_case_letter("É"), "é");
  EXPECT_EQ(lower_case_letter("Σ"), "σ");
  EXPECT_EQ(lower_case_letter("Ж"), "ж");
  EXPECT_EQ(lower_case_letter("何"), "何");
  EXPECT_EQ(lower_case_letter("𝒜"), "𝒜");
}

TEST(LowerCaseLetter, IsEmptyForSignsAndForWhatIsNoCharacter) {
  for (const char* const sign : {" ", "1", "_", "'", "’", "“", "—", "∑", "\u2047", "\uFFFD", "€"}) {
    EXPECT_EQ(lower_case_letter(sign), "") << sign;
  }
  for (const char* const bytes : {"", "\xC3", "\xA9", "\xC0\x80", "\xED\xA0\x80", "éé", "ab"}) {
    EXPECT_EQ(lower_case_letter(bytes), "") << bytes;
  }
}

}  // namespace
}  // namespace infini
