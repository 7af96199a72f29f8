#include "data/token_dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/prepared_data.h"
#include "log/error.h"

namespace infini {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::PreparedBooks;
using testing::read_text;
using testing::TemporaryFolder;
using testing::texts_of;
using testing::write_text;

TEST(TokenDataset, GivesBackEveryDocumentOverManyShards) {
  const PreparedBooks books({10, 200, 1, 90, 50, 60});
  const TokenDataset dataset = books.dataset();
  EXPECT_EQ(texts_of(dataset), books.texts());
  EXPECT_EQ(dataset.documents(), 6);
  EXPECT_EQ(dataset.tokens(), 10 + 200 + 1 + 90 + 50 + 60 + 6);
  EXPECT_EQ(dataset.length(1), 201);
  EXPECT_EQ(dataset.bytes(1), 200);
  EXPECT_EQ(dataset.vocab_size(), 256);
  EXPECT_TRUE(std::filesystem::exists(shard_file(books.split(), 2))) << "the test must have several shards";
}

TEST(TokenDataset, ReadsPartsOfADocument) {
  const PreparedBooks books({40, 30});
  const TokenDataset dataset = books.dataset();
  int64_t tokens[4] = {-1, -1, -1, -1};
  dataset.read(1, 0, 3, tokens);
  EXPECT_THAT(tokens, ElementsAre(0, books.texts()[1][0], books.texts()[1][1], -1));
  dataset.read(1, 29, 31, tokens);
  EXPECT_THAT(tokens, ElementsAre(books.texts()[1][28], books.texts()[1][29], books.texts()[1][1], -1));
  EXPECT_THROW(dataset.read(1, 29, 32, tokens), std::out_of_range);
  EXPECT_THROW(dataset.read(1, -1, 2, tokens), std::out_of_range);
  EXPECT_THROW(dataset.read(2, 0, 1, tokens), std::out_of_range);
  EXPECT_THROW(dataset.length(-1), std::out_of_range);
}

TEST(TokenDataset, ToldApartByItsFingerprint) {
  const PreparedBooks books({40, 30}), same({40, 30}), other({40, 31}), divided({31, 40});
  EXPECT_EQ(books.dataset().fingerprint(), same.dataset().fingerprint());
  EXPECT_NE(books.dataset().fingerprint(), other.dataset().fingerprint());
  EXPECT_NE(books.dataset().fingerprint(), divided.dataset().fingerprint());
}

TEST(TokenDataset, NamesATruncatedShardAndBothSizes) {
  const PreparedBooks books({50, 60, 70, 80});
  const std::filesystem::path shard = shard_file(books.split(), 1);
  const std::string whole = read_text(shard);
  for (const size_t size : {whole.size() - 1, size_t{65}, size_t{64}, size_t{63}, size_t{0}}) {
    write_text(shard, whole.substr(0, size));
    const std::string message = message_of<UserError>([&] { books.dataset(); });
    EXPECT_THAT(message, AllOf(HasSubstr("shard-00001.bin"), HasSubstr("truncated")));
    EXPECT_THAT(message, HasSubstr(std::to_string(size) + " bytes"));
  }
  write_text(shard, whole.substr(0, 100));
  EXPECT_THAT(message_of<UserError>([&] { books.dataset(); }), HasSubstr("expected " + std::to_string(whole.size())));
  write_text(shard, whole);
  EXPECT_EQ(texts_of(books.dataset()), books.texts());
}

TEST(TokenDataset, NamesAShardWithAFlippedBit) {
  const PreparedBooks books({50, 60});
  const std::filesystem::path shard = shard_file(books.split(), 0);
  const std::string whole = read_text(shard);
  // Header and document table are always checked, the tokens by verify().
  for (size_t byte = 0; byte < whole.size(); ++byte) {
    std::string damaged = whole;
    damaged[byte] = static_cast<char>(damaged[byte] ^ 4);
    write_text(shard, damaged);
    const std::string message = message_of<UserError>([&] { books.dataset().verify(); });
    EXPECT_THAT(message, HasSubstr("shard-00000.bin")) << byte;
  }
  write_text(shard, whole);
  books.dataset().verify();
}

TEST(TokenDataset, SaysWhichShardIsMissing) {
  const PreparedBooks books({50, 60, 70, 80});
  std::filesystem::remove(shard_file(books.split(), 1));
  EXPECT_THAT(message_of<UserError>([&] { books.dataset(); }), HasSubstr("shard-00001.bin"));
}

TEST(TokenDataset, SaysWhatIsWrongWithAFolder) {
  const PreparedBooks books({50});
  const std::filesystem::path data = books.split().parent_path();
  EXPECT_THAT(message_of<UserError>([&] { TokenDataset(data / "test"); }), HasSubstr("they have: train"));
  EXPECT_THAT(message_of<UserError>([&] { TokenDataset{data}; }), HasSubstr("is no data folder"));
  EXPECT_THAT(message_of<UserError>([] { TokenDataset("/nonexistent/train"); }),
              HasSubstr("there is no /nonexistent/train"));
  write_text(data / "dataset.json", "{\"version\": 1}");
  EXPECT_THAT(message_of<UserError>([&] { books.dataset(); }), HasSubstr("dataset.json: the key tokenizer is missing"));
  write_text(data / "dataset.json", "{");
  EXPECT_THAT(message_of<UserError>([&] { books.dataset(); }), HasSubstr("dataset.json"));
}

TEST(TokenDataset, HoldsTokensOfEveryWidth) {
  for (const int64_t vocab_size : {256, 257, 65536, 65537}) {
    const TemporaryFolder folder;
    const auto largest = static_cast<int32_t>(vocab_size - 1);
    ShardWriter writer(token_width(vocab_size));
    writer.begin(1);
    writer.append(std::vector<int32_t>{largest, 0, 7});
    writer.end(3, 1);
    writer.write(folder / "shard.bin", 1, 0);
    int64_t tokens[4];
    const Shard shard(folder / "shard.bin");
    shard.read(0, 4, tokens);
    EXPECT_THAT(tokens, ElementsAre(1, largest, 0, 7)) << vocab_size;
    EXPECT_EQ(std::filesystem::file_size(folder / "shard.bin"), 64u + 32u + 4u * token_width(vocab_size));
  }
  EXPECT_EQ(token_width(256), 1);
  EXPECT_EQ(token_width(257), 2);
  EXPECT_EQ(token_width(65536), 2);
  EXPECT_EQ(token_width(65537), 4);
}

}  // namespace
}  // namespace infini
