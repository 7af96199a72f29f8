#include "text/byte_pair_encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "text/utf8.h"

namespace infini {
namespace {

using ::testing::ElementsAre;

/// A vocabulary of random merges over the bytes a to f, and what plain loops make of a word with it.
class RandomMerges {
 public:
  explicit RandomMerges(uint64_t seed) {
    std::mt19937_64 generator(seed);
    for (char c = 'a'; c <= 'f'; ++c) vocabulary_.tokens.emplace_back(1, c);
    std::map<std::string, int32_t> ids;
    for (size_t id = 0; id < 6; ++id) ids[vocabulary_.tokens[id]] = static_cast<int32_t>(id);
    for (int i = 0; i < 60; ++i) {
      const auto left = static_cast<int32_t>(generator() % vocabulary_.tokens.size());
      const auto right = static_cast<int32_t>(generator() % vocabulary_.tokens.size());
      const std::string text =
          vocabulary_.tokens[static_cast<size_t>(left)] + vocabulary_.tokens[static_cast<size_t>(right)];
      const auto [entry, is_new] = ids.emplace(text, static_cast<int32_t>(ids.size()));
      if (is_new) vocabulary_.tokens.push_back(text);
      const bool known = std::any_of(vocabulary_.merges.begin(), vocabulary_.merges.end(),
                                     [&](const Merge& merge) { return merge.left == left && merge.right == right; });
      if (!known) vocabulary_.merges.push_back({left, right, entry->second});
    }
    vocabulary_.byte_level = true;
  }

  std::vector<int32_t> plain(const std::string& word) const {
    std::vector<int32_t> ids;
    for (const char c : word) ids.push_back(c - 'a');
    for (;;) {
      size_t best = 0, best_rank = vocabulary_.merges.size();
      for (size_t i = 0; i + 1 < ids.size(); ++i) {
        for (size_t rank = 0; rank < best_rank; ++rank) {
          const Merge& merge = vocabulary_.merges[rank];
          if (merge.left == ids[i] && merge.right == ids[i + 1]) best = i, best_rank = rank;
        }
      }
      if (best_rank == vocabulary_.merges.size()) return ids;
      ids[best] = vocabulary_.merges[best_rank].result;
      ids.erase(ids.begin() + static_cast<ptrdiff_t>(best) + 1);
    }
  }
  const BytePairVocabulary& vocabulary() const { return vocabulary_; }

 private:
  BytePairVocabulary vocabulary_;
};

std::vector<int32_t> encoded(const BytePairEncoding& encoding, std::string_view text) {
  WordCache cache;
  std::vector<int32_t> ids;
  encoding.encode(text, cache, ids);
  return ids;
}

TEST(BytePairEncoding, MergesAsPlainLoopsDo) {
  std::mt19937_64 generator(9);
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const RandomMerges random(seed);
    const BytePairEncoding encoding(random.vocabulary());
    WordCache cache;
    for (int i = 0; i < 60; ++i) {
      std::string word;
      const size_t size = 1 + generator() % (i % 10 == 0 ? 300 : 12);
      for (size_t j = 0; j < size; ++j) word += static_cast<char>('a' + generator() % (i % 3 == 0 ? 2 : 6));
      for (int again = 0; again < 2; ++again) {
        std::vector<int32_t> ids;
        encoding.encode(word, cache, ids);
        ASSERT_EQ(ids, random.plain(word)) << word << ", seed " << seed << (again == 1 ? ", from the cache" : "");
      }
    }
  }
}

TEST(BytePairEncoding, TakesAWordThatIsATokenWhateverTheMergesSay) {
  BytePairVocabulary vocabulary{.tokens = {"a", "b", "ab"}, .merges = {}, .byte_level = true, .ignore_merges = true};
  EXPECT_THAT(encoded(BytePairEncoding(vocabulary), "ab"), ElementsAre(2));
  vocabulary.ignore_merges = false;
  EXPECT_THAT(encoded(BytePairEncoding(vocabulary), "ab"), ElementsAre(0, 1));
}

TEST(BytePairEncoding, FallsBackToTheBytesOfACharacter) {
  const BytePairEncoding encoding(
      {.tokens = {"a", "<0xC3>", "<0xA9>", "?"}, .merges = {}, .byte_fallback = true, .unknown = 3});
  EXPECT_THAT(encoded(encoding, "a\u00E9"), ElementsAre(0, 1, 2));
  EXPECT_THAT(encoded(encoding, "a\u00EA"), ElementsAre(0, 3)) << "one of its bytes is no token";
  EXPECT_TRUE(encoding.loses_text());
}

TEST(BytePairEncoding, FusesUnknownCharactersIfAsked) {
  BytePairVocabulary vocabulary{.tokens = {"a", "?"}, .merges = {}, .unknown = 1};
  EXPECT_THAT(encoded(BytePairEncoding(vocabulary), "xya"), ElementsAre(1, 1, 0));
  vocabulary.fuse_unknown = true;
  EXPECT_THAT(encoded(BytePairEncoding(vocabulary), "xya"), ElementsAre(1, 0));
  vocabulary.unknown.reset();
  EXPECT_THAT(encoded(BytePairEncoding(vocabulary), "xya"), ElementsAre(0)) << "without a token for it, it is left out";
}

TEST(BytePairEncoding, EndsAWordOnlyWhereNoMergeReachesOverTheSpace) {
  const std::string mark(kSpaceMark);
  // Two spaces are a token, and a letter with a space behind it.
  const BytePairVocabulary vocabulary{.tokens = {"a", "b", mark, mark + mark, "b" + mark},
                                      .merges = {{1, 2, 4}, {2, 2, 3}}};
  EXPECT_THAT(encoded(BytePairEncoding(vocabulary), "a" + mark + mark + "b" + mark + "a"), ElementsAre(0, 3, 4, 0));
}

TEST(WordCache, FindsWhatWasAddedAndNothingElse) {
  WordCache cache;
  std::map<std::string, std::vector<int32_t>> added;
  std::mt19937_64 generator(1);
  for (int i = 0; i < 200000; ++i) {
    std::string word;
    for (size_t size = 1 + generator() % 32, j = 0; j < size; ++j) word += static_cast<char>('a' + generator() % 3);
    const WordCache::Key key = WordCache::key_of(word);
    const auto found = cache.find(key);
    if (const auto known = added.find(word); !found.empty()) {
      ASSERT_TRUE(known != added.end() &&
                  std::equal(found.begin(), found.end(), known->second.begin(), known->second.end()))
          << word;
    }
    added.try_emplace(word, 1 + generator() % 5, i);
    cache.add(key, added[word]);
    ASSERT_EQ(cache.find(key).size(), added[word].size());
  }
}

}  // namespace
}  // namespace infini
