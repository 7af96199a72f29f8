#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sentencepiece_trainer.h>

#include <random>

#include "io/temporary_folder.h"
#include "text/encode_in_pieces.h"
#include "text/sentencepiece_training.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace infini {
namespace {

constexpr uint64_t kUnknown = 10;  ///< seeds from here on give text with unknown characters

using testing::TemporaryFolder;
using testing::write_text;

/// Text with everything that a tokenizer may treat in a way of its own. Nothing stands twice in a row: where text
/// repeats itself, several tokens are equally good to a unigram model, and only the rounding of their scores decides.
std::string mixed_text(int parts_count, uint64_t seed) {
  const char* const parts[] = {
      "the",        " a",      "ing",     " reader", "\n",  "\t", "1984", ".", "\u00e9t\u00e9", "\u4e00\u4e8c\u4e09",
      "\U0001f600", "A\u030a", "\u2581x", "\r\n",    "<s>", "xq"};
  std::mt19937_64 generator(seed);
  std::string text;
  for (size_t i = 0, last = 0; i < static_cast<size_t>(parts_count); ++i) {
    last = (last + 1 + generator() % (std::size(parts) - 1)) % std::size(parts);
    text += parts[last];
    if (seed >= kUnknown && generator() % 10 == 0) text += "\u03a9\u0416";  // in no text for training
  }
  return text;
}

class SafeCut : public ::testing::Test {
 protected:
  std::unique_ptr<Tokenizer> load(const std::string& model) {
    write_text(folder_ / "a.model", model);
    return load_sentencepiece(folder_ / "a.model");
  }
  /// A model with options of its own.
  std::unique_ptr<Tokenizer> load_trained(std::unordered_map<std::string, std::string> options) {
    options.insert({{"vocab_size", "300"}, {"minloglevel", "2"}, {"remove_extra_whitespaces", "false"}});
    options.insert({{"normalization_rule_name", "identity"}, {"add_dummy_prefix", "false"}});
    options.insert({"hard_vocab_limit", "false"});
    options.insert({{"input", folder_ / "lines.txt"}, {"model_prefix", folder_ / "trained"}});
    write_text(folder_ / "lines.txt", mixed_text(20000, 1));
    const auto status = sentencepiece::SentencePieceTrainer::Train(options);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return load_sentencepiece(folder_ / "trained.model");
  }
  /// Cuts at random offsets; each part, encoded by itself, must have the ids that it has in the whole.
  static void expect_same_ids(const Tokenizer& tokenizer) {
    std::mt19937_64 generator(5);
    int64_t cuts = 0;
    for (uint64_t seed = kUnknown; seed < kUnknown + 200; ++seed) {
      const std::string text = mixed_text(60, seed);
      std::vector<int32_t> ids;
      for (std::string_view rest = text; !rest.empty();) {
        const std::string_view window = rest.substr(0, 1 + generator() % rest.size());
        size_t cut = tokenizer.safe_cut(window);
        ASSERT_LE(cut, window.size());
        if (cut == 0) cut = rest.size();
        cuts += cut < rest.size();
        ASSERT_EQ(invalid_utf8_offset(rest.substr(0, cut)), std::nullopt);
        const std::vector<int32_t> part = tokenizer.encode(rest.substr(0, cut));
        ids.insert(ids.end(), part.begin(), part.end());
        rest.remove_prefix(cut);
      }
      ASSERT_EQ(ids, tokenizer.encode(text)) << text;
    }
    EXPECT_GT(cuts, 200);
  }

  TemporaryFolder folder_;
};

TEST_F(SafeCut, OfBytesIsBetweenAnyTwoCharacters) { expect_same_ids(*make_byte_tokenizer()); }

TEST_F(SafeCut, OfAModelThatIsTrainedHereLeavesTheIds) {
  const std::string text = mixed_text(20000, 1);
  const NextText next = [&, done = false](std::string& out) mutable {
    out = text;
    return !std::exchange(done, true);
  };
  expect_same_ids(*load(train_sentencepiece(next, 320, 0)));
}

TEST_F(SafeCut, OfOtherModelsLeavesTheIds) {
  expect_same_ids(*load_trained({{"model_type", "bpe"}}));
  expect_same_ids(*load_trained({{"model_type", "bpe"}, {"byte_fallback", "true"}, {"vocab_size", "320"}}));
  expect_same_ids(*load_trained({{"model_type", "unigram"}}));  // unknown characters in a row are one token
  expect_same_ids(*load_trained({{"model_type", "bpe"}, {"user_defined_symbols", "e r,\u4e8c\u4e09"}}));
}

TEST_F(SafeCut, IsNowhereWhereATextIsNotTakenAsItIs) {
  const std::string text = mixed_text(1000, 3);
  EXPECT_EQ(load_trained({{"add_dummy_prefix", "true"}})->safe_cut(text), 0u);
  EXPECT_EQ(load_trained({{"remove_extra_whitespaces", "true"}})->safe_cut(text), 0u);
  EXPECT_EQ(load_trained({{"normalization_rule_name", "nfkc"}})->safe_cut(text), 0u);
  EXPECT_EQ(load_trained({{"normalization_rule_name", "nmt_nfkc_cf"}})->safe_cut(text), 0u);
}

TEST_F(SafeCut, MakesThePiecesOfALongTextTheSameHoweverMuchIsRead) {
  const auto tokenizer = load_trained({{"model_type", "bpe"}});
  const std::string text = mixed_text(400000, 4);
  ASSERT_GT(text.size(), 1'100'000u);
  const size_t piece = first_piece(*tokenizer, text, true);
  EXPECT_GT(piece, 1'000'000u);
  EXPECT_LT(piece, size_t{1} << 20);
  EXPECT_EQ(first_piece(*tokenizer, std::string_view(text).substr(0, (1 << 20) + 1), false), piece);
  EXPECT_EQ(first_piece(*tokenizer, std::string_view(text).substr(0, 1 << 20), false), 0u);
  EXPECT_EQ(first_piece(*tokenizer, std::string_view(text).substr(0, 1 << 20), true), size_t{1} << 20);
  EXPECT_EQ(encode_in_pieces(*tokenizer, text), tokenizer->encode(text));
}

}  // namespace
}  // namespace infini
