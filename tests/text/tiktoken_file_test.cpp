#include "text/tiktoken_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/temporary_folder.h"
#include "log/error.h"

namespace infini {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TemporaryFolder;
using testing::write_text;

constexpr const char* kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string base64(const std::string& bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t j = 0; j < 3; ++j) bits = bits << 8 | (i + j < bytes.size() ? static_cast<uint8_t>(bytes[i + j]) : 0);
    for (size_t j = 0; j < 4; ++j) text += i + j > bytes.size() ? '=' : kBase64[bits >> (18 - 6 * j) & 63];
  }
  return text;
}

/// The bytes, then "ab", "bc" and "abc".
std::string ranks() {
  std::string file;
  for (int byte = 0; byte < 256; ++byte) {
    file += base64(std::string(1, static_cast<char>(byte))) + " " + std::to_string(byte) + "\n";
  }
  return file + base64("bc") + " 256\n" + base64("ab") + " 257\n" + base64("abcd") + " 258\n";
}

class TiktokenFile : public ::testing::Test {
 protected:
  std::unique_ptr<Tokenizer> load(const std::string& content) {
    write_text(folder_ / "tokenizer.model", content);
    return load_tokenizer(folder_.path());
  }
  TemporaryFolder folder_;
};

TEST_F(TiktokenFile, MergesTheLowestRankFirst) {
  const auto tokenizer = load(ranks());
  EXPECT_THAT(tokenizer->encode("abc"), ElementsAre('a', 256));
  EXPECT_THAT(tokenizer->encode("abcd"), ElementsAre(258)) << "a word that is a token, though no two tokens make it";
}

TEST_F(TiktokenFile, HasTheSpecialTokensOfLlama3BehindTheOthers) {
  const auto tokenizer = load(ranks());
  EXPECT_EQ(tokenizer->vocab_size(), 259 + 256);
  EXPECT_EQ(tokenizer->bos(), 259);
  EXPECT_EQ(tokenizer->eos(), 260);
  EXPECT_THAT(tokenizer->stop_ids(), ElementsAre(260, 259 + 8, 259 + 9));
  EXPECT_THAT(tokenizer->encode("a<|eot_id|><|reserved_special_token_2|>"), ElementsAre('a', 259 + 9, 259 + 12));
}

TEST_F(TiktokenFile, NamesTheLineThatIsWrong) {
  const auto fault = [&](const std::string& content) { return message_of<UserError>([&] { load(content); }); };
  EXPECT_THAT(fault("IQ== 0\nIg== x\n"), HasSubstr("tokenizer.model:2: expected a token in base64"));
  EXPECT_THAT(fault("IQ== 0\nIg== 0\n"), HasSubstr(":2: two tokens have the rank 0"));
  EXPECT_THAT(fault("IQ== 0\nIg== 2\n"), HasSubstr("no token has the rank 1"));
  EXPECT_THAT(fault("IQ== 0\nI?== 1\n"), HasSubstr(":2:"));
  EXPECT_THAT(fault("IQ== 0\nIg== 99999999999\n"), HasSubstr(":2:"));
}

}  // namespace
}  // namespace infini
