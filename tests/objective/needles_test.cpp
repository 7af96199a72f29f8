#include "objective/needles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "log/error.h"

namespace infini {
namespace {

using ::testing::HasSubstr;

TEST(Needles, PasskeyIsWordedAsInThePaper) {
  DeterministicRandom random{1};
  const Needles needles = make_needles("passkey", 4, 1, random);
  const std::string& key = needles.answer;
  ASSERT_EQ(key.size(), 4u);
  ASSERT_EQ(needles.sentences.size(), 1u);
  EXPECT_EQ(needles.sentences[0], "The pass key is " + key + ". Remember it. " + key + " is the pass key.");
  EXPECT_EQ(needles.question, "What is the pass key? The pass key is");
}

TEST(Needles, NumbersHaveTheirDigitsAndDoNotBeginWithZero) {
  std::set<std::string> keys;
  DeterministicRandom random{2};
  for (int i = 0; i < 200; ++i) {
    const std::string key = make_needles("passkey", 5, 1, random).answer;
    EXPECT_EQ(key.size(), 5u);
    EXPECT_NE(key[0], '0');
    keys.insert(key);
  }
  EXPECT_GT(keys.size(), 190u);
}

TEST(Needles, OfSeveralKeysTheOneAskedForIsTheEvidence) {
  for (const char* const kind : {"passkeys", "key_value"}) {
    DeterministicRandom random{3};
    const Needles needles = make_needles(kind, 5, 8, random);
    ASSERT_EQ(needles.sentences.size(), 8u) << kind;
    ASSERT_EQ(needles.evidence.size(), 1u) << kind;
    int with_answer = 0;
    for (const std::string& sentence : needles.sentences)
      with_answer += sentence.find(needles.answer) != std::string::npos;
    EXPECT_EQ(with_answer, 1) << kind;
    EXPECT_THAT(needles.sentences[needles.evidence[0]], HasSubstr(needles.answer)) << kind;
  }
}

TEST(Needles, VariablesAreAChainFromTheNumberToTheQuestion) {
  DeterministicRandom random{4};
  const Needles needles = make_needles("variables", 5, 3, random);
  const auto name_of = [&](size_t i) { return needles.sentences[i].substr(13, 6); };
  EXPECT_EQ(needles.sentences[0], "The variable " + name_of(0) + " is " + needles.answer + ".");
  EXPECT_EQ(needles.sentences[1], "The variable " + name_of(1) + " is the variable " + name_of(0) + ".");
  EXPECT_EQ(needles.sentences[2], "The variable " + name_of(2) + " is the variable " + name_of(1) + ".");
  EXPECT_THAT(needles.question, HasSubstr("The variable " + name_of(2) + " is"));
  EXPECT_EQ(needles.evidence, (std::vector<size_t>{0, 1, 2}));
}

TEST(Needles, RefusesAnotherKindAndMoreKeysThanNames) {
  DeterministicRandom random{5};
  EXPECT_THROW(make_needles("passkez", 5, 1, random), UserError);
  EXPECT_THROW(make_needles("passkeys", 5, 25, random), UserError);
}

}  // namespace
}  // namespace infini
