#include <gtest/gtest.h>

#include <string>

#include "io/temporary_folder.h"
#include "text/lossy_model.h"
#include "text/sentencepiece_training.h"
#include "text/tokenizer.h"

namespace infini {
namespace {

using testing::TemporaryFolder;
using testing::write_text;

class SameTokenizer : public ::testing::Test {
 protected:
  /// A tokenizer of 300 tokens that is trained on this word.
  std::unique_ptr<Tokenizer> trained_on(const std::string& word) const {
    std::string text;
    for (int i = 0; i < 500; ++i) text += word.substr(0, 2 + i % (word.size() - 1)) + (i % 9 == 0 ? "\n" : " ");
    const NextText once = [text, done = false](std::string& out) mutable {
      out = text;
      return !std::exchange(done, true);
    };
    write_text(folder_ / "trained.model", train_sentencepiece(once, 275, 0));
    return load_sentencepiece(folder_ / "trained.model");
  }
  std::unique_ptr<Tokenizer> lossy() const {
    write_text(folder_ / "lossy.model", testing::lossy_model());
    return load_sentencepiece(folder_ / "lossy.model");
  }
  TemporaryFolder folder_;
};

TEST_F(SameTokenizer, IsTheSameReadTwice) {
  EXPECT_TRUE(same_tokenizer(*make_byte_tokenizer(), *make_byte_tokenizer()));
  EXPECT_TRUE(same_tokenizer(*trained_on("unsurprisingly"), *trained_on("unsurprisingly")));
}

TEST_F(SameTokenizer, IsNotOneOfAnotherKindOrSize) {
  EXPECT_FALSE(same_tokenizer(*make_byte_tokenizer(), *trained_on("unsurprisingly")));
  EXPECT_FALSE(same_tokenizer(*lossy(), *trained_on("unsurprisingly")));
}

TEST_F(SameTokenizer, IsNotOneOfTheSameSizeWithOtherPieces) {
  const auto a = trained_on("unsurprisingly"), b = trained_on("extraordinarily");
  ASSERT_EQ(a->vocab_size(), b->vocab_size());
  EXPECT_FALSE(same_tokenizer(*a, *b));
}

TEST_F(SameTokenizer, IsLookedForWhereAFolderMayHaveNone) {
  EXPECT_EQ(load_tokenizer_if_there(folder_.path()), nullptr);
  EXPECT_EQ(load_tokenizer_if_there(folder_ / "absent"), nullptr);
  save_tokenizer(*make_byte_tokenizer(), folder_.path());
  EXPECT_TRUE(same_tokenizer(*load_tokenizer_if_there(folder_.path()), *make_byte_tokenizer()));
}

}  // namespace
}  // namespace infini
