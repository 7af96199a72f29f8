#include "eval/text_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/byte_pair_tokenizer.h"
#include "text/utf8.h"

namespace infini {
namespace {

using ::testing::ElementsAre;

/// Decodes like sentencepiece. The first piece loses its leading space. Byte pieces become one character together, or
/// U+FFFD each.
class PiecesTokenizer : public Tokenizer {
 public:
  std::vector<int32_t> encode(std::string_view) const override { return {}; }
  std::string decode(const std::vector<int32_t>& ids) const override {
    std::string text;
    for (size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] == 0) text += i == 0 ? "the" : " the";
      if (ids[i] == 1) text += "se";
      if (ids[i] == 2 && i + 1 < ids.size() && ids[i + 1] == 3) {
        text += "é";
        ++i;
      } else if (ids[i] >= 2) {
        text += "\uFFFD";
      }
    }
    return text;
  }
  std::string token_bytes(int32_t) const override { return ""; }
  int64_t vocab_size() const override { return 4; }
  int32_t document_start() const override { return 1; }
  std::optional<int32_t> bos() const override { return 1; }
  std::optional<int32_t> eos() const override { return std::nullopt; }
  std::optional<int32_t> unk() const override { return std::nullopt; }
  size_t safe_cut(std::string_view) const override { return 0; }
  std::string kind() const override { return "pieces"; }
  std::vector<TokenizerFile> files() const override { return {}; }
};

std::vector<std::string> stream(const Tokenizer& tokenizer, std::vector<int32_t> context,
                                const std::vector<int32_t>& ids) {
  TextStream characters(tokenizer, std::move(context));
  std::vector<std::string> parts;
  for (const int32_t id : ids) parts.push_back(characters.push(id));
  parts.push_back(characters.finish());
  return parts;
}

std::vector<int32_t> bytes_of(std::string_view text) {
  std::vector<int32_t> ids;
  for (const char byte : text) ids.push_back(static_cast<unsigned char>(byte));
  return ids;
}

TEST(TextStreamOfBytes, GivesCharactersWhenTheyAreWhole) {
  const auto bytes = make_byte_tokenizer();
  EXPECT_THAT(stream(*bytes, {'x'}, bytes_of("aé€")), ElementsAre("a", "", "é", "", "", "€", ""));
  EXPECT_THAT(stream(*bytes, {'x'}, bytes_of("𝄞")), ElementsAre("", "", "", "𝄞", ""));
}

TEST(TextStreamOfBytes, ReplacesWhatIsNoCharacter) {
  const auto bytes = make_byte_tokenizer();
  const std::string bad = "\uFFFD";
  EXPECT_THAT(stream(*bytes, {'x'}, bytes_of("\x80z")), ElementsAre(bad, "z", ""));
  EXPECT_THAT(stream(*bytes, {'x'}, bytes_of("\xC3z")), ElementsAre("", bad + "z", ""));
  EXPECT_THAT(stream(*bytes, {'x'}, bytes_of("\xE2\x82z")), ElementsAre("", "", bad + "z", ""));
  EXPECT_THAT(stream(*bytes, {'x'}, bytes_of("\xED\xA0")), ElementsAre("", bad + bad, ""));  // a surrogate
  EXPECT_THAT(stream(*bytes, {'x'}, bytes_of("a\xE2\x82")), ElementsAre("a", "", "", bad));
}

TEST(TextStreamOfPieces, KeepsTheSpacesBetweenThem) {
  const PiecesTokenizer pieces;
  EXPECT_THAT(stream(pieces, {1}, {0, 1, 0}), ElementsAre(" the", "se", " the", ""));
  EXPECT_THAT(stream(pieces, {}, {0, 0}), ElementsAre("the", " the", ""));
}

TEST(TextStreamOfPieces, WaitsForTheOtherBytesOfACharacter) {
  const PiecesTokenizer pieces;
  const std::string bad = "\uFFFD";
  EXPECT_THAT(stream(pieces, {1}, {2, 3, 0}), ElementsAre("", "é", " the", ""));
  EXPECT_THAT(stream(pieces, {1}, {2, 0}), ElementsAre("", bad + " the", ""));
  EXPECT_THAT(stream(pieces, {1}, {3, 3, 3, 3}), ElementsAre("", "", "", bad + bad + bad + bad, ""));
}

TEST(TextStream, GivesWholeCharactersOfATokenizerOfBytePairs) {
  BytePairTokenizerParts parts;
  parts.vocabulary.byte_level = true;
  for (int byte = 0; byte < 256; ++byte) parts.vocabulary.tokens.emplace_back(1, static_cast<char>(byte));
  // Tokens that begin and end inside a character.
  parts.vocabulary.merges = {{0x9F, 0x91, 256}, {0xA9, 0xE2, 257}};
  parts.vocabulary.tokens.insert(parts.vocabulary.tokens.end(), {"\x9F\x91", "\xA9\xE2"});
  const BytePairTokenizer tokenizer(std::move(parts));
  const std::string text = "n\u00E9 \U0001F469\u200D\U0001F680 \uFFFD.";
  std::string streamed;
  for (const std::string& part : stream(tokenizer, {'x'}, tokenizer.encode(text))) {
    EXPECT_FALSE(invalid_utf8_offset(part)) << part;
    streamed += part;
  }
  EXPECT_EQ(streamed, text);
}

}  // namespace
}  // namespace infini
