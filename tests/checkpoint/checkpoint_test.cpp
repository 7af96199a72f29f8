#include "checkpoint/checkpoint.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <set>

#include "checkpoint/generation_config.h"
#include "io/atomic_folder.h"
#include "io/json_file.h"
#include "io/temporary_folder.h"
#include "log/error.h"

namespace infini {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::read_text;
using ::testing::StartsWith;
using testing::TemporaryFolder;
using testing::write_text;

class Checkpoint : public ::testing::Test {
 protected:
  std::string error_of(const std::filesystem::path& folder) {
    return message_of<UserError>([&] { read_checkpoint(folder); });
  }
  void write_whole() {
    AtomicFolder folder(checkpoint_);
    write_checkpoint(folder.path(), {{"model_type", "infini_llama"}}, weights_);
    folder.commit();
  }

  TemporaryFolder folder_;
  std::filesystem::path checkpoint_ = folder_ / "step-3";
  NamedTensors weights_ = {{"model.norm.weight", torch::ones({4})}, {"lm_head.weight", torch::randn({2, 4})}};
};

TEST_F(Checkpoint, ComesBackAsItWasWritten) {
  write_whole();
  const CheckpointFiles files = read_checkpoint(checkpoint_);
  EXPECT_EQ(files.config, (nlohmann::json{{"model_type", "infini_llama"}}));
  ASSERT_EQ(files.weights.size(), 2u);
  for (const auto& [name, tensor] : weights_) EXPECT_TRUE(files.weights.at(name).equal(tensor));
}

TEST_F(Checkpoint, EndsATextAtEveryIdThatAnyOfItsFilesNames) {
  write_whole();
  EXPECT_FALSE(std::filesystem::exists(checkpoint_ / "generation_config.json")) << "there is no eos";
  EXPECT_TRUE(read_eos_token_ids(checkpoint_).empty());
  std::filesystem::create_directory(folder_ / "other");
  write_checkpoint(folder_ / "other", {{"model_type", "llama"}, {"bos_token_id", 1}, {"eos_token_id", 2}}, weights_);
  EXPECT_EQ(read_json(folder_ / "other/generation_config.json"),
            (nlohmann::json{{"bos_token_id", 1}, {"eos_token_id", 2}}));
  EXPECT_EQ(read_eos_token_ids(folder_ / "other"), std::vector<int32_t>{2});
  write_json(folder_ / "other/generation_config.json", {{"eos_token_id", {7, 2}}});
  EXPECT_EQ(read_eos_token_ids(folder_ / "other"), (std::vector<int32_t>{2, 7}));
  write_json(folder_ / "other/generation_config.json", {{"eos_token_id", 1.5}});
  EXPECT_THAT(message_of<UserError>([&] { read_eos_token_ids(folder_ / "other"); }),
              HasSubstr("generation_config.json: eos_token_id must be a token's id"));
}

TEST_F(Checkpoint, SaysThatAFolderIsMissingEmptyOrAFile) {
  EXPECT_EQ(error_of(checkpoint_), "there is no checkpoint folder " + checkpoint_.string());
  std::filesystem::create_directory(checkpoint_);
  EXPECT_THAT(error_of(checkpoint_), HasSubstr(checkpoint_.string() + " is empty"));
  write_text(folder_ / "file", "x");
  EXPECT_THAT(error_of(folder_ / "file"), HasSubstr("is not a folder"));
}

TEST_F(Checkpoint, SaysThatAFolderMayNotBeRead) {
  write_whole();
  std::filesystem::permissions(checkpoint_, std::filesystem::perms::none);
  const bool is_root = geteuid() == 0;  // who may read everything
  if (is_root && seteuid(65534) != 0) GTEST_SKIP() << "cannot become another user";
  const std::string error = error_of(checkpoint_);
  ASSERT_TRUE(!is_root || seteuid(0) == 0);
  std::filesystem::permissions(checkpoint_, std::filesystem::perms::owner_all);
  EXPECT_THAT(error, StartsWith("cannot read " + folder_.path().string()));
  EXPECT_THAT(error, HasSubstr("Permission denied"));
}

TEST_F(Checkpoint, SaysWhichFileIsMissing) {
  write_text(checkpoint_ / "tokenizer.model", "x");
  EXPECT_THAT(error_of(checkpoint_), HasSubstr("has no config.json"));
  write_text(checkpoint_ / "config.json", "{}");
  EXPECT_THAT(error_of(checkpoint_), HasSubstr(checkpoint_.string() + " has neither model.safetensors nor"));
  write_text(checkpoint_ / "pytorch_model.bin", "x");
  EXPECT_THAT(error_of(checkpoint_), HasSubstr("safe_serialization=True"));
}

TEST_F(Checkpoint, NamesTheLineWhereAConfigDoesNotParse) {
  write_text(checkpoint_ / "config.json", "{\n  \"hidden_size\": 4,\n  oops\n}");
  EXPECT_THAT(error_of(checkpoint_), HasSubstr((checkpoint_ / "config.json").string() + ":3: not valid JSON: syntax"));
}

TEST_F(Checkpoint, NamesTheFileThatIsDamaged) {
  for (const char* const name : {"config.json", "model.safetensors"}) {
    write_whole();
    const std::string whole = read_text(checkpoint_ / name);
    std::string flipped = whole;
    flipped[flipped.size() - 3] ^= 4;
    write_text(checkpoint_ / name, flipped);
    EXPECT_THAT(error_of(checkpoint_), HasSubstr((checkpoint_ / name).string() + " is damaged"));
    write_text(checkpoint_ / name, whole.substr(0, whole.size() - 1));
    EXPECT_THAT(error_of(checkpoint_), HasSubstr((checkpoint_ / name).string() + " is truncated"));
  }
}

TEST_F(Checkpoint, IsReadFromShards) {
  write_text(checkpoint_ / "config.json", "{}");
  write_safetensors(checkpoint_ / "a.safetensors", {{"one", torch::ones({2})}, {"two", torch::zeros({3})}});
  write_safetensors(checkpoint_ / "b.safetensors", {{"three", torch::full({1}, 3)}});
  write_json(checkpoint_ / "model.safetensors.index.json",
             {{"weight_map", {{"one", "a.safetensors"}, {"two", "a.safetensors"}, {"three", "b.safetensors"}}}});
  const NamedTensors weights = read_checkpoint(checkpoint_).weights;
  ASSERT_EQ(weights.size(), 3u);
  EXPECT_EQ(weights.at("three").item<int>(), 3);
}

TEST_F(Checkpoint, NamesWhatItsShardsLack) {
  write_text(checkpoint_ / "config.json", "{}");
  const std::filesystem::path index = checkpoint_ / "model.safetensors.index.json";
  write_json(index, {{"weight_map", {{"one", "a.safetensors"}}}});
  EXPECT_THAT(error_of(checkpoint_), HasSubstr("a.safetensors is missing"));
  write_safetensors(checkpoint_ / "a.safetensors", {{"two", torch::zeros({3})}});
  EXPECT_THAT(error_of(checkpoint_), HasSubstr("a.safetensors lacks the tensor one"));
  write_json(index, {{"weight_map", {{"one", "../a.safetensors"}}}});
  EXPECT_THAT(error_of(checkpoint_), HasSubstr("must name a file of this folder"));
  write_json(index, nlohmann::json::array());
  EXPECT_THAT(error_of(checkpoint_), HasSubstr("no object \"weight_map\""));
}

}  // namespace
}  // namespace infini
