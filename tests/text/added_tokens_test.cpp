#include "text/added_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace infini {
namespace {

using ::testing::ElementsAre;

/// Sections in parentheses, tokens by id: "(a)7(b)".
std::string split(const AddedTokenFinder& finder, std::string_view text) {
  std::string result;
  finder.split(
      text, [&](std::string_view section) { result += "(" + std::string(section) + ")"; },
      [&](int32_t id) { result += std::to_string(id); });
  return result;
}

AddedToken token(int32_t id, const std::string& content) { return {id, content, false, false, false, false, true}; }

AddedTokenFinder finder_of(const std::vector<AddedToken>& tokens) {
  AddedTokenFinder finder;
  for (const AddedToken& one : tokens) finder.add(one, one.content);
  return finder;
}

TEST(AddedTokens, TheLeftmostAndThenTheLongestIsFound) {
  const AddedTokenFinder finder = finder_of({token(1, "<s>"), token(2, "<s>x"), token(3, "s>x<s")});
  EXPECT_EQ(split(finder, "a<s>b<s>xs>x<s>"), "(a)1(b)23(>)");
  EXPECT_EQ(split(finder, "<s"), "(<s)");
  EXPECT_EQ(split(finder, ""), "");
}

TEST(AddedTokens, ASingleWordIsNotFoundInsideAWord) {
  AddedToken word = token(1, "cat");
  word.single_word = true;
  const AddedTokenFinder finder = finder_of({word});
  EXPECT_EQ(split(finder, "cat, concat cats \u00E9cat cat"), "1(, concat cats \u00E9cat )1");
}

TEST(AddedTokens, StripsTheWhiteSpaceOnTheSideThatItSays) {
  AddedToken left = token(1, "<l>"), right = token(2, "<r>");
  left.lstrip = true;
  right.rstrip = true;
  const AddedTokenFinder finder = finder_of({left, right});
  EXPECT_EQ(split(finder, "a \u3000<l> b <r> \n c"), "(a)1( b )2(c)");
  EXPECT_EQ(split(finder, "<r>  <l>"), "21") << "the space between them is taken once";
}

TEST(AddedTokens, ATextCanBeCutUnlessATokenReachesOverTheCut) {
  EXPECT_TRUE(finder_of({token(1, "<s>")}).can_be_cut());
  EXPECT_FALSE(finder_of({token(1, "a\nb")}).can_be_cut());
  AddedToken word = token(1, "word");
  word.rstrip = true;
  EXPECT_FALSE(finder_of({word}).can_be_cut());
}

}  // namespace
}  // namespace infini
