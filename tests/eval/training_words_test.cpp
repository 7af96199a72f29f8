#include "eval/training_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/prepared_data.h"
#include "eval/word_scan.h"
#include "io/temporary_folder.h"
#include "text/lossy_model.h"
#include "text/sentencepiece_training.h"

namespace infini {
namespace {

using testing::TemporaryFolder;

/// Long enough for several pieces of reading, of which a border falls into a word.
std::string repeated(const std::string& text, int64_t times) {
  std::string all;
  for (int64_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST(WordsOfATrainingSplit, AreCountedOverAllDocumentsInAnyCase) {
  const TemporaryFolder folder;
  testing::write_books(folder / "source",
                       {"Wise men read. WISE men", "wise", "unwise menace " + repeated("tempests ", 30000)});
  prepare(testing::prepare_options(folder / "source", folder / "out"));
  const auto token_bytes = bytes_of_tokens(*make_byte_tokenizer());
  std::vector<int64_t> progress;
  const WordCounts counts =
      count_words_of_split(folder / "out/train", token_bytes, [&](int64_t tokens) { progress.push_back(tokens); });
  EXPECT_EQ(counts.of("wise"), 3);
  EXPECT_EQ(counts.of("unwise"), 1);
  EXPECT_EQ(counts.of("read"), 1);
  EXPECT_EQ(counts.of("men"), 0) << "three letters";
  EXPECT_EQ(counts.of("tempests"), 30000) << "no border of reading cuts a word";
  EXPECT_EQ(counts.distinct(), 5);
  EXPECT_TRUE(std::is_sorted(progress.begin(), progress.end()));
  EXPECT_EQ(progress.back(), TokenDataset(folder / "out/train").tokens());
}

TEST(BytesOfTokens, JoinToTheTextForEveryTokenizer) {
  const std::string text = "The wise men of Éire,\n\tunwisely, read “何と” twice  over.";
  const TemporaryFolder folder;
  std::string corpus;
  for (int i = 0; i < 200; ++i) corpus += "the wise men of old unwisely read over and over, and the men read\n";
  testing::write_text(folder / "tokenizer.model", train_sentencepiece(
                                                      [&, done = false](std::string& out) mutable {
                                                        out = corpus;
                                                        return !std::exchange(done, true);
                                                      },
                                                      280, 0));
  const auto trained = load_tokenizer(folder.path()), bytes = make_byte_tokenizer();
  for (const Tokenizer* const tokenizer : {trained.get(), bytes.get()}) {
    const auto bytes_of = bytes_of_tokens(*tokenizer);
    std::string joined;
    for (const int32_t token : tokenizer->encode(text)) joined += bytes_of.at(static_cast<size_t>(token));
    EXPECT_EQ(joined, text);
    if (const auto eos = tokenizer->eos()) {
      EXPECT_EQ(bytes_of.at(static_cast<size_t>(*eos)), "");
    }
  }
}

TEST(BytesOfTokens, EndAWordWhereTheTokenizerHasNoTokenForTheText) {
  const TemporaryFolder folder;
  testing::write_text(folder / "tokenizer.model", testing::lossy_model());
  const auto tokenizer = load_tokenizer(folder.path());
  const std::string unknown = bytes_of_tokens(*tokenizer).at(static_cast<size_t>(*tokenizer->unk()));
  WordCounts counts;
  WordScan scan(1, [&](const ScannedWord& word) { counts.add(word.text); });
  for (const std::string& token : {std::string("wise"), unknown, std::string("read")}) scan.push(token);
  scan.finish();
  EXPECT_EQ(counts.of("wise"), 1);
  EXPECT_EQ(counts.of("read"), 1);
}

}  // namespace
}  // namespace infini
