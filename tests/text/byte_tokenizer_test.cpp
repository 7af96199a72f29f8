#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/temporary_folder.h"
#include "log/error.h"
#include "text/tokenizer.h"

namespace infini {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TemporaryFolder;
using testing::write_text;

TEST(ByteTokenizer, GivesEachByteItsValue) {
  const auto tokenizer = make_byte_tokenizer();
  EXPECT_THAT(tokenizer->encode("A\n\xC3\xBF"), ElementsAre(65, 10, 0xC3, 0xBF));
  EXPECT_EQ(tokenizer->vocab_size(), 256);
  EXPECT_EQ(tokenizer->document_start(), 0);
  EXPECT_FALSE(tokenizer->bos() || tokenizer->eos() || tokenizer->unk()) << "each byte is text";
}

TEST(ByteTokenizer, BringsEveryByteBack) {
  const auto tokenizer = make_byte_tokenizer();
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(all)), all);
}

TEST(ByteTokenizer, RefusesTokensThatAreNoBytes) {
  EXPECT_THAT(message_of<std::runtime_error>([] { make_byte_tokenizer()->decode({65, 256}); }), HasSubstr("256"));
  EXPECT_THAT(message_of<std::runtime_error>([] { make_byte_tokenizer()->decode({-1}); }), HasSubstr("-1"));
}

TEST(ByteTokenizer, IsReadBackFromTheFolderItWasSavedIn) {
  const TemporaryFolder folder;
  save_tokenizer(*make_byte_tokenizer(), folder.path());
  EXPECT_THAT(load_tokenizer(folder.path())->encode("hi"), ElementsAre('h', 'i'));
}

TEST(LoadTokenizer, SaysWhatAFolderLacks) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of<UserError>([&] { load_tokenizer(folder / "absent"); }), HasSubstr("absent"));
  EXPECT_THAT(message_of<UserError>([&] { load_tokenizer(folder.path()); }), HasSubstr("tokenizer.model"));
  write_text(folder / "tokenizer_config.json", R"({"tokenizer_class": "GPT2Tokenizer"})");
  EXPECT_THAT(message_of<UserError>([&] { load_tokenizer(folder.path()); }), HasSubstr("ByteTokenizer"));
  write_text(folder / "tokenizer_config.json", "{");
  EXPECT_THAT(message_of<UserError>([&] { load_tokenizer(folder.path()); }), HasSubstr("tokenizer_config.json"));
}

}  // namespace
}  // namespace infini
