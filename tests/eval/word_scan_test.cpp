#include "eval/word_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace infini {

// For the matchers, which look for them beside the type.
inline bool operator==(const ScannedWord& a, const ScannedWord& b) {
  return a.text == b.text && a.first == b.first && a.nats == b.nats;
}
inline void PrintTo(const ScannedWord& word, std::ostream* out) {
  *out << word.text << " from token " << word.first << ": " << word.nats;
}

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// The words of a document. Its first token has index 1, and token i costs 2^i nats, so a sum tells its tokens.
std::vector<ScannedWord> words_of(const std::vector<std::string>& tokens) {
  std::vector<ScannedWord> words;
  WordScan scan(1, [&](const ScannedWord& word) { words.push_back(word); });
  for (size_t i = 0; i < tokens.size(); ++i) scan.push(tokens[i], static_cast<double>(1 << (i + 1)));
  scan.finish();
  return words;
}

/// One token a byte.
std::vector<std::string> bytes_of(const std::string& text) {
  std::vector<std::string> bytes;
  for (const char byte : text) bytes.emplace_back(1, byte);
  return bytes;
}

TEST(WordScan, AddsUpAllTokensOfAWord) {
  EXPECT_THAT(words_of({"Th", "under", "s", " and", " light", "ning", "."}),
              ElementsAre(ScannedWord{"thunders", 1, 2 + 4 + 8}, ScannedWord{"lightning", 5, 32 + 64}));
}

TEST(WordScan, TakesTheTokenOfTheSpaceOnlyWhereTheWordBeginsInIt) {
  EXPECT_THAT(words_of({" ", "wise", " men", " read", " "}),
              ElementsAre(ScannedWord{"wise", 2, 4}, ScannedWord{"read", 4, 16}));
}

TEST(WordScan, GivesATokenOfTwoWordsToBoth) {
  EXPECT_THAT(words_of({"king", "s tha", "t"}),
              ElementsAre(ScannedWord{"kings", 1, 2 + 4}, ScannedWord{"that", 2, 4 + 8}));
}

TEST(WordScan, LeavesOutWordsOfLessThanFourLetters) {
  EXPECT_THAT(words_of({"the cat's eye"}), IsEmpty());
  EXPECT_THAT(words_of({"été", " ÉTÉS"}), ElementsAre(ScannedWord{"étés", 2, 4})) << "letters are counted, not bytes";
}

TEST(WordScan, EndsAtWhateverIsNoLetter) {
  EXPECT_THAT(words_of({"mother-in-law's “house” 1990s lake2lake don’t"}),
              ElementsAre(ScannedWord{"mother", 1, 2}, ScannedWord{"house", 1, 2}, ScannedWord{"lake", 1, 2},
                          ScannedWord{"lake", 1, 2}));
}

TEST(WordScan, JoinsTheBytesOfACharacter) {
  // é is two bytes: tokens 1 and 2. The text ends with its word.
  EXPECT_THAT(words_of(bytes_of("élan vert")), ElementsAre(ScannedWord{"élan", 1, 62}, ScannedWord{"vert", 7, 1920}));
  // “ is three bytes and no letter: its tokens belong to no word.
  EXPECT_THAT(words_of(bytes_of("“wise”")), ElementsAre(ScannedWord{"wise", 4, 16 + 32 + 64 + 128}));
}

TEST(WordScan, EndsAWordAtBytesThatAreNoCharacter) {
  EXPECT_THAT(words_of({"wise\xC3men\xA9sages\xE2\x82"}),
              ElementsAre(ScannedWord{"wise", 1, 2}, ScannedWord{"sages", 1, 2}));
}

TEST(WordScan, GoesOnThroughTokensWithoutText) {
  EXPECT_THAT(words_of({"wi", "", "se", ""}), ElementsAre(ScannedWord{"wise", 1, 2 + 4 + 8}));
}

}  // namespace
}  // namespace infini
