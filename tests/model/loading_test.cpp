#include "model/loading.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <limits>

#include "checkpoint/checkpoint.h"
#include "log/error.h"
#include "model/tiny_model.h"

namespace infini {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using torch::Tensor;

class Loading : public testing::Test {
 protected:
  void SetUp() override {
    const std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
    folder_ = std::filesystem::temp_directory_path() / ("infini_loading_" + std::to_string(::getpid()) + test);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const ModelConfig& config, const NamedTensors& weights) {
    write_checkpoint(folder_, model_config_to_json(config), weights);
  }

  std::string refusal() {
    try {
      load_model(folder_, torch::kCPU, torch::kFloat32);
    } catch (const UserError& error) {
      return error.what();
    }
    return "loaded";
  }

  std::filesystem::path folder_;
  ModelConfig config_ = tiny_config("delta");
  std::shared_ptr<CausalLanguageModel> model_ = double_model(config_);
  NamedTensors weights_ = model_weights(*model_);
};

TEST_F(Loading, AModelComesBackAsItWasWritten) {
  write(config_, weights_);
  const auto loaded = load_model(folder_, torch::kCPU, torch::kFloat64);
  EXPECT_EQ(loaded->config(), config_);
  const auto parameters = loaded->named_parameters();
  ASSERT_EQ(parameters.size(), weights_.size());
  for (const auto& [name, tensor] : weights_) EXPECT_TRUE(torch::equal(parameters[name], tensor)) << name;
  const Tensor tokens = random_tokens(1, 13);
  EXPECT_TRUE(torch::equal(loaded->forward(tokens, loaded->empty_state(1)).hidden,
                           model_->forward(tokens, model_->empty_state(1)).hidden));
}

TEST_F(Loading, WeightsOfAnotherPrecisionAreConverted) {
  for (auto& [name, tensor] : weights_) tensor = tensor.to(torch::kBFloat16);
  write(config_, weights_);
  const auto loaded = load_model(folder_, torch::kCPU, torch::kFloat32);
  for (const auto& item : loaded->named_parameters()) {
    EXPECT_EQ(item.value().scalar_type(), torch::kFloat32);
    EXPECT_TRUE(item.value().requires_grad());
    EXPECT_TRUE(torch::equal(item.value(), weights_.at(item.key()).to(torch::kFloat32)));
  }
}

TEST_F(Loading, ALlamaCheckpointBeginsWithTheInitialBetaAndAWarning) {
  std::erase_if(weights_, [](const auto& weight) { return weight.first.ends_with("memory_gate"); });
  weights_["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch::ones({3});
  write(config_, weights_);
  testing::internal::CaptureStderr();
  const auto loaded = load_model(folder_, torch::kCPU, torch::kFloat32, -2.5);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), AllOf(HasSubstr("memory_gate"), HasSubstr("-2.5")));
  const Tensor gate = loaded->named_parameters()["model.layers.1.self_attn.memory_gate"];
  EXPECT_TRUE(gate.eq(-2.5).all().item<bool>());
}

TEST_F(Loading, GatesAreLeftAsideWhereThereIsNoMemory) {
  config_.memory.update = "none";
  write(config_, weights_);
  EXPECT_EQ(refusal(), "loaded");
}

TEST_F(Loading, AMissingTensorIsNamed) {
  weights_.erase("model.layers.1.mlp.up_proj.weight");
  write(config_, weights_);
  EXPECT_THAT(refusal(), AllOf(HasSubstr(folder_.string()), HasSubstr("model.layers.1.mlp.up_proj.weight is missing")));
}

TEST_F(Loading, AnUnexpectedTensorIsNamed) {
  weights_["model.layers.2.mlp.up_proj.weight"] = torch::zeros({20, 12});
  write(config_, weights_);
  EXPECT_THAT(refusal(), AllOf(HasSubstr(folder_.string()), HasSubstr("unexpected tensor model.layers.2.mlp")));
}

TEST_F(Loading, AnotherModelSizeIsRefusedWithBothShapes) {
  config_.intermediate_size = 21;
  write(config_, weights_);
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("model.layers.0.mlp.gate_proj.weight"), HasSubstr("[20, 12]"), HasSubstr("[21, 12]")));
}

TEST_F(Loading, ANumberThatIsNotFiniteIsRefused) {
  weights_["model.norm.weight"] = weights_["model.norm.weight"].clone();
  weights_["model.norm.weight"][3] = std::numeric_limits<double>::quiet_NaN();
  write(config_, weights_);
  EXPECT_THAT(refusal(), AllOf(HasSubstr("model.norm.weight"), HasSubstr("NaN")));
}

TEST_F(Loading, AnIntegerTensorIsRefused) {
  weights_["model.norm.weight"] = torch::ones({12}, torch::kInt64);
  write(config_, weights_);
  EXPECT_THAT(refusal(), AllOf(HasSubstr("model.norm.weight"), HasSubstr("dtype")));
}

TEST_F(Loading, ATiedHeadMayBeStoredTwiceButNotDiffer) {
  weights_["lm_head.weight"] = weights_["model.embed_tokens.weight"].clone();
  write(config_, weights_);
  EXPECT_EQ(refusal(), "loaded");
  weights_["lm_head.weight"][0][0] += 1;
  write(config_, weights_);
  EXPECT_THAT(refusal(), AllOf(HasSubstr("lm_head.weight"), HasSubstr("tie_word_embeddings")));
}

TEST_F(Loading, ARefusedCheckpointChangesNothing) {
  NamedTensors broken = model_weights(*double_model(config_, 8));
  broken.erase("model.norm.weight");
  const Tensor before = weights_.at("model.embed_tokens.weight").clone();
  EXPECT_THROW(set_model_weights(*model_, broken, folder_), UserError);
  EXPECT_TRUE(torch::equal(before, weights_.at("model.embed_tokens.weight")));
}

}  // namespace
}  // namespace infini
