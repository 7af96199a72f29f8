#include "train/resolve_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/prepared_data.h"
#include "io/json_file.h"
#include "log/error.h"
#include "text/lossy_model.h"
#include "train/tiny_run.h"

namespace infini {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TemporaryFolder;
using testing::write_text;

/// Data with a sentencepiece tokenizer, and a folder that looks like a checkpoint.
class ResolvedConfig : public ::testing::Test {
 protected:
  ResolvedConfig() {
    config_ = testing::tiny_config(folder_.path());
    write_text(folder_ / "lossy.model", testing::lossy_model());
    testing::write_books(folder_ / "source", {"the wise men read"});
    PrepareOptions options = testing::prepare_options(folder_ / "source", config_.data.path);
    options.tokenizer = folder_ / "lossy.model";
    prepare(options);
  }
  /// A checkpoint to start from, with this tokenizer and these end-of-text ids. It has only the files that are read
  /// here.
  void start_from(const Tokenizer& tokenizer, const nlohmann::json& eos) {
    config_.initial_checkpoint = folder_ / "checkpoint";
    ModelConfig model = config_.model;
    model.vocab_size = 512;
    nlohmann::json json = model_config_to_json(model);
    json["eos_token_id"] = eos;
    std::filesystem::create_directories(config_.initial_checkpoint);
    write_json(config_.initial_checkpoint / "config.json", json);
    save_tokenizer(tokenizer, config_.initial_checkpoint);
  }
  TemporaryFolder folder_;
  TrainConfig config_;
};

TEST_F(ResolvedConfig, SaysWhichTokensBeginAndEndAText) {
  const ModelConfig model = resolve_config(config_).model;
  EXPECT_EQ(model.bos_token_id, 1);
  EXPECT_THAT(model.eos_token_ids, ElementsAre(2));
  const testing::PreparedBooks bytes({40});
  config_.data.path = bytes.split().parent_path();
  EXPECT_EQ(resolve_config(config_).model.bos_token_id, std::nullopt);
  EXPECT_THAT(resolve_config(config_).model.eos_token_ids, ElementsAre());
}

TEST_F(ResolvedConfig, KeepsTheEndsOfTheWeightsThatItStartsFrom) {
  start_from(*load_tokenizer(config_.data.path), {2, 9});
  EXPECT_THAT(resolve_config(config_).model.eos_token_ids, ElementsAre(2, 9));
}

TEST_F(ResolvedConfig, RefusesWeightsOfAnotherTokenizerThanTheDatas) {
  start_from(*make_byte_tokenizer(), nullptr);
  EXPECT_THAT(message_of<UserError>([&] { resolve_config(config_); }),
              HasSubstr("were prepared with another tokenizer than that of the weights in"));
}

}  // namespace
}  // namespace infini
