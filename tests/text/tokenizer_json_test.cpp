#include "text/tokenizer_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "io/temporary_folder.h"
#include "log/error.h"
#include "text/byte_alphabet.h"
#include "text/encode_in_pieces.h"
#include "text/mixed_unicode.h"
#include "text/word_scanner.h"

namespace infini {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::mixed_unicode;
using ::testing::Not;
using testing::read_text;
using testing::TemporaryFolder;
using testing::write_text;

json added_token(int id, const std::string& content) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

/// A byte-level tokenizer: the 256 bytes, " t", "th" and "the", and one special token.
json byte_level() {
  json vocab;
  for (int byte = 0; byte < 256; ++byte) vocab[letters_of_bytes(std::string(1, static_cast<char>(byte)))] = byte;
  vocab["\u0120t"] = 256;
  vocab["th"] = 257;
  vocab["the"] = 258;
  const json merges = json::array({json::array({"t", "h"}), json::array({"\u0120", "t"}), json::array({"th", "e"})});
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", json::array({added_token(259, "<|endoftext|>")})},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}}},
          {"post_processor", nullptr},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model", {{"type", "BPE"}, {"dropout", nullptr}, {"vocab", vocab}, {"merges", merges}}}};
}

/// A tokenizer of characters with bytes to fall back to, as Llama 2 has it.
json with_byte_fallback() {
  json vocab = {{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    vocab[name] = byte + 3;
  }
  for (const char* const token : {"\u2581", "a", "b", "\u2581a", "ab"}) vocab[token] = vocab.size();
  json file = byte_level();
  file["added_tokens"] = {added_token(0, "<unk>"), added_token(1, "<s>"), added_token(2, "</s>")};
  file["normalizer"] = {{"type", "Sequence"},
                        {"normalizers",
                         {{{"type", "Prepend"}, {"prepend", "\u2581"}},
                          {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}}}}};
  file["pre_tokenizer"] = nullptr;
  file["decoder"] = {{"type", "Sequence"},
                     {"decoders",
                      {{{"type", "Replace"}, {"pattern", {{"String", "\u2581"}}}, {"content", " "}},
                       {{"type", "ByteFallback"}},
                       {{"type", "Fuse"}},
                       {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}};
  file["model"] = {{"type", "BPE"},         {"unk_token", "<unk>"}, {"fuse_unk", true},
                   {"byte_fallback", true}, {"vocab", vocab},       {"merges", {"\u2581 a", "a b"}}};
  return file;
}

class TokenizerJson : public ::testing::Test {
 protected:
  std::unique_ptr<Tokenizer> load(const json& file) {
    write_text(folder_ / "tokenizer.json", file.dump());
    return load_tokenizer(folder_.path());
  }
  /// The message about a file in which the value at `pointer` is another one.
  std::string fault(const std::string& pointer, const json& value, json file = byte_level()) {
    file[json::json_pointer(pointer)] = value;
    std::string message = message_of<UserError>([&] { load(file); });
    EXPECT_THAT(message, AllOf(HasSubstr("tokenizer.json"), Not(HasSubstr("\n"))));
    return message;
  }
  TemporaryFolder folder_;
};

TEST_F(TokenizerJson, EncodesAndDecodesBytes) {
  const auto tokenizer = load(byte_level());
  EXPECT_THAT(tokenizer->encode("the t"), ElementsAre(258, 256));
  EXPECT_THAT(tokenizer->encode("a<|endoftext|>th"), ElementsAre('a', 259, 257));
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const std::string text = mixed_unicode(30, seed);
    ASSERT_EQ(tokenizer->decode(tokenizer->encode(text)), text) << "seed " << seed;
  }
  EXPECT_EQ(tokenizer->token_bytes(256), " t");
  EXPECT_EQ(tokenizer->token_bytes(259), "") << "a special token stands for no text";
  EXPECT_EQ(tokenizer->vocab_size(), 260);
  EXPECT_EQ(tokenizer->unk(), std::nullopt);
}

TEST_F(TokenizerJson, ReadsBytesThatAreNoUtf8AsReplacementCharacters) {
  const auto tokenizer = load(byte_level());
  EXPECT_EQ(tokenizer->encode("a\x80\xE2\x82z\xF0"), tokenizer->encode("a\uFFFD\uFFFDz\uFFFD"));
}

TEST_F(TokenizerJson, FallsBackToBytesAndStripsTheSpaceInFront) {
  const auto tokenizer = load(with_byte_fallback());
  EXPECT_THAT(tokenizer->encode("ab a\u00E9"), ElementsAre(262, 261, 262, 3 + 0xC3, 3 + 0xA9))
      << "▁a b ▁a and two bytes";
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("ab a\u00E9")), "ab a\u00E9");
  EXPECT_EQ(tokenizer->decode({3 + 0xC3, 260}), "\uFFFDa");
  EXPECT_EQ(tokenizer->token_bytes(3 + 0xC3), "\xC3");
  EXPECT_EQ(tokenizer->token_bytes(262), " a");
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_EQ(tokenizer->eos(), 2);
  EXPECT_EQ(tokenizer->unk(), std::nullopt) << "bytes express everything";
}

TEST_F(TokenizerJson, ATokenThatOnlyLooksLikeTheNameOfAByteIsText) {
  json file = with_byte_fallback();
  file["model"]["vocab"]["<0xZZ>"] = 264;
  EXPECT_EQ(load(file)->token_bytes(264), "<0xZZ>");
}

TEST_F(TokenizerJson, TakesBosAndEosFromTheFilesBesideIt) {
  EXPECT_EQ(load(byte_level())->document_start(), 259) << "the usual name of an eos";
  write_text(folder_ / "tokenizer_config.json", R"({"bos_token": {"content": "the"}, "eos_token": "<|endoftext|>"})");
  const auto tokenizer = load(byte_level());
  EXPECT_EQ(tokenizer->bos(), 258);
  EXPECT_EQ(tokenizer->eos(), 259);
  EXPECT_THAT(tokenizer->stop_ids(), ElementsAre(259));
  write_text(folder_ / "tokenizer_config.json", R"({"eos_token": "<|stop|>"})");
  EXPECT_THAT(message_of<UserError>([&] { load(byte_level()); }),
              AllOf(HasSubstr("tokenizer_config.json"), HasSubstr("<|stop|>")));
}

TEST_F(TokenizerJson, WithoutBosAndEosCannotBeginADocument) {
  json file = byte_level();
  file["added_tokens"] = json::array();
  const auto tokenizer = load(file);
  EXPECT_THAT(message_of<UserError>([&] { static_cast<void>(tokenizer->document_start()); }),
              HasSubstr("neither a bos nor an eos"));
}

TEST_F(TokenizerJson, IsTheSameFromTheFilesThatItGives) {
  write_text(folder_ / "tokenizer_config.json", R"({"eos_token": "</s>"})");
  const auto tokenizer = load(with_byte_fallback());
  const TemporaryFolder copy;
  save_tokenizer(*tokenizer, copy.path());
  EXPECT_TRUE(same_tokenizer(*tokenizer, *load_tokenizer(copy.path())));
  EXPECT_EQ(read_text(copy / "tokenizer.json"), read_text(folder_ / "tokenizer.json"));
}

TEST_F(TokenizerJson, GivesTheSameIdsInPieces) {
  json file = byte_level();
  // Tokens that show where a piece ends: line ends in a row, and behind a sign.
  for (const auto& [left, right] : {std::pair("\u010D", "\u010A"), {"\u010A", "\u010A"}, {"?", "\u010A"}}) {
    json& vocab = file["model"]["vocab"];
    vocab[std::string(left) + right] = vocab.size();
    file["model"]["merges"].push_back(json::array({left, right}));
  }
  file["added_tokens"] = json::array({added_token(262, "<|endoftext|>")});
  for (const WordScanner& scanner : word_scanners()) {
    file["pre_tokenizer"] = {
        {"type", "Sequence"},
        {"pretokenizers",
         {{{"type", "Split"}, {"pattern", {{"Regex", scanner.pattern}}}, {"behavior", "Isolated"}, {"invert", false}},
          {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}};
    const auto tokenizer = load(file);
    int cuts = 0;
    for (uint64_t seed = 0; seed < 300; ++seed) {
      const std::string text = mixed_unicode(80, seed);
      const size_t cut = tokenizer->safe_cut(std::string_view(text).substr(0, text.size() / 2));
      cuts += cut > 0 ? 1 : 0;
      std::vector<int32_t> ids = tokenizer->encode(text.substr(0, cut)), more = tokenizer->encode(text.substr(cut));
      ids.insert(ids.end(), more.begin(), more.end());
      ASSERT_EQ(ids, tokenizer->encode(text)) << scanner.name << ", seed " << seed << ", cut at " << cut;
    }
    EXPECT_GT(cuts, 50) << scanner.name;
  }
  EXPECT_EQ(load(with_byte_fallback())->safe_cut("ab\nab\nab"), 0) << "each part would get a space in front";
}

TEST_F(TokenizerJson, RefusesByNameWhatItDoesNotUnderstand) {
  EXPECT_THAT(fault("/model/type", "Unigram"), HasSubstr("Unigram; supported is BPE"));
  EXPECT_THAT(fault("/model/dropout", 0.1), HasSubstr("dropout"));
  EXPECT_THAT(fault("/model/end_of_word_suffix", "</w>"), HasSubstr("end_of_word_suffix"));
  EXPECT_THAT(fault("/model/new_option", true), HasSubstr("new_option"));
  EXPECT_THAT(fault("/normalizer", {{"type", "Lowercase"}}), HasSubstr("Lowercase"));
  EXPECT_THAT(fault("/pre_tokenizer", {{"type", "Whitespace"}}), HasSubstr("Whitespace"));
  EXPECT_THAT(fault("/pre_tokenizer/use_rex", false), HasSubstr("use_rex"));
  EXPECT_THAT(fault("/decoder", {{"type", "WordPiece"}}), HasSubstr("decoder"));
  EXPECT_THAT(fault("/post_processor", {{"type", "BertProcessing"}}), HasSubstr("BertProcessing"));
  EXPECT_THAT(fault("/extra", 1), HasSubstr("extra"));
}

TEST_F(TokenizerJson, RefusesAHostileFile) {
  EXPECT_THAT(fault("/model/merges/0", json::array({"t", "zz"})), HasSubstr("\"zz\""));
  EXPECT_THAT(fault("/model/merges/0", json::array({"", "t"})), HasSubstr("empty part"));
  EXPECT_THAT(fault("/model/merges/0", "t h e"), HasSubstr("is no merge"));
  EXPECT_THAT(fault("/model/merges", "t h"), HasSubstr("must be a list"));
  EXPECT_THAT(fault("/model/vocab/th", 258), HasSubstr("two tokens have the id 258"));
  EXPECT_THAT(fault("/model/vocab/th", -1), HasSubstr("-1"));
  EXPECT_THAT(fault("/model/vocab/th", 4294967296), HasSubstr("4294967296"));
  EXPECT_THAT(fault("/model/vocab/th", "1"), HasSubstr("\"1\""));
  EXPECT_THAT(fault("/model/unk_token", "<unk>"), HasSubstr("<unk>"));
  EXPECT_THAT(fault("/added_tokens/0/id", 300), HasSubstr("tokenizers gives it the id 259"));
  EXPECT_THAT(fault("/added_tokens/0/content", 5), HasSubstr("content"));
  json nested = 1;
  for (int i = 0; i < 600; ++i) nested = json::array({nested});
  EXPECT_THAT(fault("/normalizer", nested), HasSubstr("500 deep"));
  const std::string whole = byte_level().dump();
  write_text(folder_ / "tokenizer.json", whole.substr(0, whole.size() / 2));
  EXPECT_THAT(message_of<UserError>([&] { load_tokenizer(folder_.path()); }), HasSubstr("not valid JSON"));
}

TEST_F(TokenizerJson, NamesThePatternThatTakesTooLong) {
  json file = byte_level();
  file["pre_tokenizer"] = {
      {"type", "Sequence"},
      {"pretokenizers",
       {{{"type", "Split"}, {"pattern", {{"Regex", "(a+)+$"}}}, {"behavior", "Isolated"}, {"invert", false}},
        {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}};
  const auto tokenizer = load(file);
  EXPECT_THAT(message_of<UserError>([&] { tokenizer->encode(std::string(50, 'a') + "b"); }), HasSubstr("(a+)+$"));
}

}  // namespace
}  // namespace infini
