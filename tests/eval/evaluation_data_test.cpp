#include "eval/evaluation_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/prepared_data.h"
#include "io/temporary_folder.h"
#include "log/error.h"
#include "text/lossy_model.h"
#include "text/tokenizer.h"

namespace infini {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TemporaryFolder;
using testing::write_text;

/// A checkpoint folder with a tokenizer of bytes.
class EvaluationDataTest : public ::testing::Test {
 protected:
  EvaluationDataTest() { save_tokenizer(*make_byte_tokenizer(), checkpoint_.path()); }

  EvaluationData open(const std::filesystem::path& path, int64_t vocab_size = 256) const {
    return open_evaluation_data(path, checkpoint_.path(), vocab_size);
  }
  std::string refusal(const std::filesystem::path& path, int64_t vocab_size = 256) const {
    return message_of<UserError>([&] {
      const EvaluationData data = open(path, vocab_size);
      while (data.next()) continue;
    });
  }
  /// The text of each document, read in pieces of three tokens. Checks its counts and its document_start.
  std::vector<std::string> texts(const std::filesystem::path& path) const {
    const EvaluationData data = open(path);
    std::vector<std::string> result;
    while (const auto document = data.next()) {
      std::vector<int64_t> tokens, piece(3);
      int64_t count = 0;
      do {
        count = document->read(piece);
        tokens.insert(tokens.end(), piece.begin(), piece.begin() + count);
      } while (count == 3);
      EXPECT_EQ(document->tokens, static_cast<int64_t>(tokens.size()));
      EXPECT_EQ(document->bytes, document->tokens - 1);
      EXPECT_EQ(tokens.at(0), 0);
      result.emplace_back(tokens.begin() + 1, tokens.end());
    }
    return result;
  }

  TemporaryFolder checkpoint_, folder_;
};

using EvaluationDataOfASplit = EvaluationDataTest;
using EvaluationDataOfText = EvaluationDataTest;
using EvaluationDataThatDoesNotFit = EvaluationDataTest;

TEST_F(EvaluationDataOfASplit, HasAllDocumentsOfAllShards) {
  const testing::PreparedBooks books({70, 5, 200, 31});
  EXPECT_THAT(texts(books.split()), ElementsAreArray(books.texts()));
  EXPECT_EQ(open(books.split()).bytes, 306);
}

TEST_F(EvaluationDataOfText, IsAFileAFolderOrJsonLines) {
  write_text(folder_ / "books" / "b.txt", "two  words\n");
  write_text(folder_ / "books" / "a.txt", "one");
  write_text(folder_ / "books" / "notes.md", "no book");
  write_text(folder_ / "lines.jsonl", "{\"text\": \"first\"}\n\n{\"text\": \"second\", \"meta\": 1}\n");
  EXPECT_THAT(texts(folder_ / "books"), ElementsAre("one", "two  words\n"));
  EXPECT_THAT(texts(folder_ / "books" / "b.txt"), ElementsAre("two  words\n"));
  EXPECT_THAT(texts(folder_ / "lines.jsonl"), ElementsAre("first", "second"));

  const auto document = open(folder_ / "books" / "b.txt").next();
  EXPECT_EQ(document->words, 2);
  EXPECT_THAT(document->name, HasSubstr("b.txt"));
}

TEST_F(EvaluationDataOfText, EndsWithTheEosThatItsTokenizerHas) {
  write_text(checkpoint_ / "tokenizer.model", testing::lossy_model());
  write_text(folder_ / "book.txt", "the men read");
  const auto tokenizer = load_tokenizer(checkpoint_.path());
  const auto document = open(folder_ / "book.txt").next();
  std::vector<int64_t> tokens(static_cast<size_t>(document->tokens));
  EXPECT_EQ(document->read(tokens), document->tokens);
  EXPECT_EQ(tokens.front(), tokenizer->bos());
  EXPECT_EQ(tokens.back(), tokenizer->eos());
  EXPECT_EQ(document->tokens, static_cast<int64_t>(tokenizer->encode("the men read").size()) + 2);
  EXPECT_EQ(document->bytes, 12);
  EXPECT_EQ(document->words, 3);
  EXPECT_EQ(document->unk, 0);
}

TEST_F(EvaluationDataOfASplit, IsThatOfItsText) {
  write_text(checkpoint_ / "tokenizer.model", testing::lossy_model());
  testing::write_books(folder_ / "source", {"the men read"});
  PrepareOptions options = testing::prepare_options(folder_ / "source", folder_ / "out");
  options.tokenizer = checkpoint_ / "tokenizer.model";
  prepare(options);
  const auto tokens_of = [&](const std::filesystem::path& path) {
    const auto document = open(path).next();
    std::vector<int64_t> tokens(static_cast<size_t>(document->tokens));
    document->read(tokens);
    EXPECT_EQ(document->unk, 0);
    return tokens;
  };
  EXPECT_EQ(tokens_of(folder_ / "out/train"), tokens_of(folder_ / "source/train"));
}

TEST_F(EvaluationDataThatDoesNotFit, IsThatOfAnotherTokenizer) {
  const testing::PreparedBooks books({40});
  write_text(checkpoint_ / "tokenizer.model", testing::lossy_model());
  EXPECT_THAT(refusal(books.split()), HasSubstr("were prepared with another tokenizer than that of"));
}

TEST_F(EvaluationDataOfText, LeavesOutBrokenRecordsAndTakesTheKeyThatIsNamed) {
  write_text(folder_ / "lines.jsonl", "{\"body\": \"first\"}\n{\"body\": 1e400}\n{\"body\": \"third\"}\n");
  const TextReading reading{"body", OnBadRecord::skip};
  const EvaluationData data = open_evaluation_data(folder_ / "lines.jsonl", checkpoint_.path(), 256, reading);
  EXPECT_EQ(data.next()->bytes, 5);
  EXPECT_THAT(data.next()->name, HasSubstr("lines.jsonl:3"));
  EXPECT_FALSE(data.next());
}

TEST_F(EvaluationDataThatDoesNotFit, IsRefusedWithWhatWouldBeRight) {
  EXPECT_THAT(refusal(folder_ / "nowhere"), HasSubstr("no such file or folder: "));
  EXPECT_THAT(refusal(folder_.path()), HasSubstr("holds no data; expected a split"));
  write_text(folder_ / "table.csv", "1,2");
  EXPECT_THAT(refusal(folder_ / "table.csv"), HasSubstr("table.csv holds no data"));
  write_text(folder_ / "lines.jsonl", "{\"text\": \"first\"}\n{\"text\": \n");
  EXPECT_THAT(refusal(folder_ / "lines.jsonl"), HasSubstr("lines.jsonl:2: "));
}

TEST_F(EvaluationDataThatDoesNotFit, NamesTheSplitsOfAWholeDataFolder) {
  const testing::PreparedBooks books({40});
  EXPECT_THAT(refusal(books.split().parent_path()), HasSubstr("name one of its splits: train"));
}

TEST_F(EvaluationDataThatDoesNotFit, IsFoundByItsVocabulary) {
  const testing::PreparedBooks books({40});
  EXPECT_THAT(refusal(books.split(), 100), ::testing::AllOf(HasSubstr("256 tokens"), HasSubstr("has 100")));
  write_text(folder_ / "book.txt", "text");
  EXPECT_THAT(refusal(folder_ / "book.txt", 100), ::testing::AllOf(HasSubstr("256 tokens"), HasSubstr("has 100")));
}

}  // namespace
}  // namespace infini
