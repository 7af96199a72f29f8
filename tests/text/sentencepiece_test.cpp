#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <sstream>

#include "io/temporary_folder.h"
#include "log/error.h"
#include "text/lossy_model.h"
#include "text/sentencepiece_training.h"
#include "text/tokenizer.h"

namespace infini {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;
using testing::read_text;
using testing::TemporaryFolder;
using testing::write_text;

/// A text with the statistics of language: words of syllables, common ones short.
std::string made_up_text(int words, uint64_t seed) {
  const char* const syllables[] = {"ka", "lo", "mi", "ren", "sta", "ver", "on", "tu", "che", "ip", "dor", "an"};
  std::mt19937_64 generator(seed);
  std::string text;
  for (int word = 0; word < words; ++word) {
    const uint64_t length = 1 + generator() % 3;
    for (uint64_t i = 0; i < length; ++i) text += syllables[generator() % (4 + 4 * length) % 12];
    text += generator() % 12 == 0 ? ".\n" : " ";
  }
  return text;
}

NextText once(const std::string& text) {
  return [text, done = false](std::string& out) mutable {
    out = text;
    return !std::exchange(done, true);
  };
}

std::string train(int64_t vocab_size = 320, uint64_t seed = 0) {
  return train_sentencepiece(once(made_up_text(20000, 1)), vocab_size, seed);
}

std::string shell(const std::string& command) {
  std::string output;
  FILE* pipe = popen(command.c_str(), "r");
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) output.append(buffer, n);
  return pclose(pipe) == 0 ? output : "";
}

class Sentencepiece : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    write_text(*folder_ / "trained.model", train());
  }
  static void TearDownTestSuite() { delete folder_; }
  static std::filesystem::path model() { return *folder_ / "trained.model"; }
  static inline TemporaryFolder* folder_ = nullptr;
};

TEST_F(Sentencepiece, EncodesLikeItsCommandLineTool) {
  if (shell("command -v spm_encode").empty()) GTEST_SKIP() << "spm_encode is not installed";
  const auto tokenizer = load_sentencepiece(model());
  const std::string lines = made_up_text(500, 2) + "Unseen: \xC3\xA9t\xC3\xA9, 2024!  two  spaces\n";
  const TemporaryFolder folder;
  write_text(folder / "lines.txt", lines);
  std::istringstream expected(shell("spm_encode --model=" + model().string() + " --output_format=id < " +
                                    (folder / "lines.txt").string() + " 2>/dev/null"));
  std::istringstream input(lines);
  int compared = 0;
  for (std::string line, ids; std::getline(input, line) && std::getline(expected, ids); ++compared) {
    std::ostringstream ours;
    for (const int32_t id : tokenizer->encode(line)) ours << (ours.tellp() == 0 ? "" : " ") << id;
    EXPECT_EQ(ours.str(), ids) << line;
  }
  EXPECT_GT(compared, 20);
}

TEST_F(Sentencepiece, LosesNothing) {
  const auto tokenizer = load_sentencepiece(model());
  for (const std::string text : {"kalo mi\n\n  ren\tsta \n", " leading and trailing ",
                                 "\xF0\x9F\x98\x80 \xE2\x82\xAC 1984\r\n", "\n", "kalo\n"}) {
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  }
}

TEST_F(Sentencepiece, JoinsBytesIntoFewerTokens) {
  const auto tokenizer = load_sentencepiece(model());
  const std::string text = made_up_text(1000, 3);
  EXPECT_LT(tokenizer->encode(text).size(), text.size() / 2);
  EXPECT_EQ(tokenizer->vocab_size(), 320);
}

TEST_F(Sentencepiece, StartsDocumentsWithItsBeginningOfSentence) {
  const auto tokenizer = load_sentencepiece(model());
  EXPECT_EQ(tokenizer->document_start(), 1);  // sentencepiece's own numbering: <unk> 0, <s> 1, </s> 2
  for (const int32_t id : tokenizer->encode("kalo <s> mi")) EXPECT_NE(id, 1);
}

TEST_F(Sentencepiece, HasItsModelsBeginningAndEnd) {
  const auto tokenizer = load_sentencepiece(model());
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_EQ(tokenizer->eos(), 2);
  for (const int32_t id : tokenizer->encode("kalo </s> mi")) EXPECT_NE(id, 2);
}

TEST_F(Sentencepiece, HasAnUnknownTokenOnlyWhereItCannotFallBackToBytes) {
  EXPECT_EQ(load_sentencepiece(model())->unk(), std::nullopt);
  const TemporaryFolder folder;
  write_text(folder / "lossy.model", testing::lossy_model());
  const auto lossy = load_sentencepiece(folder / "lossy.model");
  EXPECT_EQ(lossy->unk(), 0);
  EXPECT_THAT(lossy->encode("what \xD1\x87\xD1\x82\xD0\xBE"), ::testing::Contains(0));
}

TEST_F(Sentencepiece, IsSavedByteForByte) {
  const TemporaryFolder folder;
  save_tokenizer(*load_sentencepiece(model()), folder.path());
  EXPECT_EQ(read_text(folder / "tokenizer.model"), read_text(model()));
  EXPECT_EQ(load_tokenizer(folder.path())->encode("kalo mi ren"), load_sentencepiece(model())->encode("kalo mi ren"));
}

TEST_F(Sentencepiece, RefusesTokensOutsideItsVocabulary) {
  const auto tokenizer = load_sentencepiece(model());
  EXPECT_THAT(message_of<std::runtime_error>([&] { tokenizer->decode({5, 320}); }), HasSubstr("320"));
}

TEST_F(Sentencepiece, NamesAFileThatIsNoModel) {
  const TemporaryFolder folder;
  write_text(folder / "noise.model", "this is not a model");
  write_text(folder / "cut.model", read_text(model()).substr(0, 100));
  write_text(folder / "empty.model", "");
  for (const char* name : {"noise.model", "cut.model", "empty.model", "absent.model"}) {
    EXPECT_THAT(message_of<UserError>([&] { load_sentencepiece(folder / name); }), HasSubstr(name));
  }
}

TEST(SentencepieceTraining, GivesTheSameModelEachTime) { EXPECT_EQ(train(), train()); }

TEST(SentencepieceTraining, SaysWhenTheTextIsTooSmallForTheVocabulary) {
  const std::string message =
      message_of<UserError>([] { train_sentencepiece(once("too little text\nfor that"), 4000, 0); });
  EXPECT_THAT(message, AllOf(HasSubstr("4000"), HasSubstr("this text allows at most "), Not(HasSubstr(".cc"))));
  EXPECT_THAT(message_of<UserError>([] { train_sentencepiece(once("\n\n"), 300, 0); }), HasSubstr("no text"));
}

TEST(SentencepieceTraining, AdvisesASizeThatWorks) {
  for (const auto& [asked, bound] :
       std::map<int64_t, std::string>{{100, "characters alone are "}, {100000, "at most "}}) {
    const std::string message = message_of<UserError>([asked = asked] { train(asked); });
    const size_t at = message.find(bound);
    ASSERT_NE(at, std::string::npos) << message;
    EXPECT_NO_THROW(train(std::stoll(message.substr(at + bound.size())))) << message;
  }
}

TEST(SentencepieceTraining, ReadsLongLinesToTheirEnd) {
  // "zyzzyva" stands only far behind the length at which lines are cut, in a text that is one line.
  std::string line;
  for (int i = 0; i < 2000; ++i) line += "kalo mi ren ";
  for (int i = 0; i < 2000; ++i) line += "zyzzyva ";
  const TemporaryFolder folder;
  write_text(folder / "long.model", train_sentencepiece(once(line), 275, 0));
  EXPECT_LE(load_sentencepiece(folder / "long.model")->encode(" zyzzyva").size(), 2u);
}

}  // namespace
}  // namespace infini
