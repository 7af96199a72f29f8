#include "train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "checkpoint/safetensors.h"
#include "data/token_dataset.h"
#include "io/run_checkpoints.h"
#include "log/error.h"
#include "model/loading.h"
#include "train/tiny_run.h"

namespace infini {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::TinyRuns;
using ::testing::UnorderedElementsAre;

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().filename());
  return names;
}

TEST(TrainerTest, LowersTheLossAndRecordsEachStep) {
  TinyRuns runs;
  runs.config.steps = 40;
  runs.train();
  const auto metrics = runs.metrics();
  ASSERT_EQ(metrics.size(), 40u);
  for (size_t i = 0; i < metrics.size(); ++i) EXPECT_EQ(metrics[i].at("step"), i + 1);
  EXPECT_NEAR(metrics.front().at("loss").get<double>(), std::log(256.0), 0.3);
  EXPECT_LT(metrics.back().at("loss").get<double>(), 4.0);
}

TEST(TrainerTest, RecordsGatesAndValidationInTheStepsThatAskForThem) {
  TinyRuns runs;
  runs.config.gate.initial_beta = -1.5;
  runs.train();
  const auto metrics = runs.metrics();
  for (size_t i = 0; i < metrics.size(); ++i) {
    const bool due = (i + 1) % 3 == 0;
    EXPECT_EQ(metrics[i].contains("gates"), due);
    for (const char* const name : {"memory_share", "retrieval_norm", "effective_rank", "retrieval_error", "z"}) {
      EXPECT_EQ(metrics[i].contains(name), due) << name;
    }
    EXPECT_FALSE(metrics[i].contains("auxiliary_loss") || metrics[i].contains("depth_accuracy"));
    EXPECT_EQ(metrics[i].contains("validation"), due);
  }
  const auto& gates = metrics[2].at("gates");
  ASSERT_EQ(gates.size(), 2u);     // layers
  ASSERT_EQ(gates[0].size(), 2u);  // heads
  EXPECT_NEAR(gates[1][0].get<double>(), 1 / (1 + std::exp(1.5)), 0.02);
  EXPECT_GT(metrics[2].at("memory_share")[0][0].get<double>(), 0.0);
  const double rank = metrics[2].at("effective_rank")[1][0].get<double>();
  EXPECT_GT(rank, 1);
  EXPECT_LE(rank, 8) << "the width of a head";
  EXPECT_EQ(metrics[2].at("effective_rank")[0].size(), 1u) << "KV heads";
}

TEST(TrainerTest, RecordsWhatTokensThatPassByALayerCost) {
  TinyRuns runs;
  runs.config.accumulation = 2;
  runs.config.model.depth = {.capacity = 0.5, .every = 2};
  runs.train();
  const auto metrics = runs.metrics();
  // An untrained predictor says 1/2 for every token, and each of them counts once in the one layer that routes.
  EXPECT_NEAR(metrics[0].at("auxiliary_loss").get<double>(), std::log(2.0), 0.1);
  for (const auto& line : metrics) EXPECT_TRUE(line.contains("auxiliary_loss"));
  const auto& accuracy = metrics[2].at("depth_accuracy");
  EXPECT_TRUE(accuracy[0][0].is_null()) << "every token goes through the first layer";
  EXPECT_GE(accuracy[1][0].get<double>(), 0.0);
  EXPECT_LE(accuracy[1][0].get<double>(), 1.0);
}

TEST(TrainerTest, ValidatesOnTheBeginningOfTheSplitDocumentByDocument) {
  TinyRuns runs;
  runs.train();
  const auto validation = runs.metrics().back().at("validation");
  EXPECT_EQ(validation.at("tokens"), 60);

  // 50 targets in the first document and 10 in the second, each read in one pass.
  const auto model = load_model(runs.checkpoint(6), torch::kCPU, torch::kFloat32);
  const TokenDataset split(runs.config.data.path / "validation");
  double sum = 0;
  for (const auto& [document, targets] : std::vector<std::pair<int64_t, int64_t>>{{0, 50}, {1, 10}}) {
    const torch::Tensor ids = torch::empty({1, targets + 1}, torch::kInt64);
    split.read(document, 0, targets + 1, ids.data_ptr<int64_t>());
    const torch::NoGradGuard no_graph;
    const torch::Tensor hidden = model->forward(ids.slice(1, 0, targets), model->empty_state(1)).hidden;
    sum += model->token_losses(hidden, ids.slice(1, 1)).sum().item<double>();
  }
  EXPECT_NEAR(validation.at("loss").get<double>(), sum / 60, 1e-5);
  EXPECT_NEAR(validation.at("perplexity").get<double>(), std::exp(sum / 60), 1e-3);
}

TEST(TrainerTest, CountsTokensAndPadding) {
  TinyRuns runs;
  runs.config.accumulation = 2;
  runs.train();
  int64_t tokens = 0;
  for (const auto& line : runs.metrics()) {
    const double whole = 2 * 2 * 32;
    tokens += std::llround(whole * (1 - line.at("padding_share").get<double>()));
    EXPECT_EQ(line.at("tokens"), tokens);
    EXPECT_GT(line.at("peak_memory_bytes").get<int64_t>(), 1 << 20);
  }
  EXPECT_LT(tokens, 6 * 2 * 2 * 32) << "the documents' ends need padding";
}

TEST(TrainerTest, AccumulatesBatchesIntoTheStepOfOneLargerBatch) {
  TinyRuns rows, accumulated;
  rows.config.batch_rows = 4;
  rows.train();
  accumulated.config.batch_rows = 1;
  accumulated.config.accumulation = 4;
  accumulated.train();
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(rows.metrics()[i].at("loss").get<double>(), accumulated.metrics()[i].at("loss").get<double>(), 1e-4);
    EXPECT_NEAR(rows.metrics()[i].at("gradient_norm").get<double>(),
                accumulated.metrics()[i].at("gradient_norm").get<double>(), 1e-3);
  }
}

TEST(TrainerTest, LeavesAWholeCheckpointInTheHuggingFaceLayout) {
  TinyRuns runs;
  const auto trainer = runs.trainer();
  trainer->run();
  EXPECT_THAT(names_in(runs.checkpoint(6)), UnorderedElementsAre("config.json", "model.safetensors", "checksums.json",
                                                                 "tokenizer_config.json", "trainer"));
  const auto model = load_model(runs.checkpoint(6), torch::kCPU, torch::kFloat32);
  for (const auto& item : trainer->model().named_parameters()) {
    EXPECT_TRUE(torch::equal(model->named_parameters()[item.key()], item.value())) << item.key();
  }
  EXPECT_EQ(load_tokenizer(runs.checkpoint(6))->vocab_size(), 256);
}

TEST(TrainerTest, KeepsTheLastCheckpoints) {
  TinyRuns runs;
  runs.config.checkpoint = {.every = 1, .keep_last = 2};
  runs.train();
  EXPECT_THAT(names_in(runs.run_folder() / "checkpoints"), UnorderedElementsAre("step-5", "step-6"));
}

TEST(TrainerTest, SkipsStepsThatAreNotFiniteAndStopsAfterManyInARow) {
  TinyRuns runs;
  runs.config.steps = 50;
  runs.config.optimizer.learning_rate = 1e38;  // the weights overflow in the first step
  runs.config.max_skipped_steps = 4;
  runs.config.checkpoint = {.every = 1, .keep_last = 100};
  runs.config.validation.every = 0;
  const auto trainer = runs.trainer();
  const std::string message = message_of<std::runtime_error>([&] { trainer->run(); });
  EXPECT_THAT(message, HasSubstr("4 steps in a row were not finite"));
  EXPECT_THAT(message, HasSubstr("learning_rate"));
  const auto metrics = runs.metrics();
  ASSERT_GE(metrics.size(), 5u);
  EXPECT_EQ(metrics.front().at("skipped"), false);
  for (size_t i = metrics.size() - 4; i < metrics.size(); ++i) EXPECT_EQ(metrics[i].at("skipped"), true);
  EXPECT_TRUE(metrics.back().at("gradient_norm").is_null());
  EXPECT_EQ(metrics.back().at("skipped_steps"), 4);
  const int64_t last = static_cast<int64_t>(metrics.size());  // the run stopped without a checkpoint of this step
  EXPECT_EQ(runs.weights(last - 1), runs.weights(last - 4)) << "a skipped step changes nothing";
}

TEST(TrainerTest, ASkippedStepEmptiesTheMemoryThatIsCarried) {
  TinyRuns runs;
  runs.config.carry_memory = true;
  runs.config.steps = 3;
  runs.config.optimizer.learning_rate = 1e38;  // after the first step nothing is finite
  runs.config.checkpoint = {.every = 1, .keep_last = 100};
  runs.config.validation.every = 0;
  runs.train();
  const auto carried = [&](int64_t step) {
    double sum = 0;
    const std::filesystem::path state = runs.checkpoint(step) / "trainer" / "carried.safetensors";
    for (const auto& [name, tensor] : read_safetensors(state)) sum += tensor.abs().sum().item<double>();
    return sum;
  };
  ASSERT_EQ(runs.metrics()[1].at("skipped"), true);
  EXPECT_GT(carried(1), 0);
  EXPECT_EQ(carried(2), 0) << "the step after it reads other documents";
}

TEST(TrainerTest, StartsFromTheWeightsOfAnInitialCheckpoint) {
  TinyRuns runs;
  runs.train();
  const auto before = load_model(runs.checkpoint(6), torch::kCPU, torch::kFloat32);
  runs.config.initial_checkpoint = runs.checkpoint(6);
  runs.config.name = "continued";
  runs.config.model.memory.update = "linear";  // continued pretraining may change the memory
  auto trainer = runs.trainer();
  for (const auto& item : trainer->model().named_parameters()) {
    EXPECT_TRUE(torch::equal(before->named_parameters()[item.key()], item.value())) << item.key();
  }
  trainer.reset();
  runs.config.model.hidden_size = 32;
  EXPECT_THAT(message_of<UserError>([&] { runs.trainer(); }), HasSubstr("model.hidden_size is 32"));
}

TEST(TrainerTest, RefusesAVocabularyThatIsNotTheDatas) {
  TinyRuns runs;
  runs.config.model.vocab_size = 300;
  const std::string message = message_of<UserError>([&] { runs.train(); });
  EXPECT_THAT(message, HasSubstr("model.vocab_size is 300"));
  EXPECT_THAT(message, HasSubstr("256"));
}

TEST(TrainerTest, RefusesToCarryAMemoryThatTheModelDoesNotHave) {
  TinyRuns runs;
  runs.config.model.memory = {0, "none"};
  runs.config.carry_memory = true;
  EXPECT_THAT(message_of<UserError>([&] { runs.train(); }), HasSubstr("the model has no memory"));
}

TEST(TrainerTest, NamesADeviceThatIsNotThere) {
  TinyRuns runs;
  runs.config.device = "cuda:99";
  EXPECT_THAT(message_of<UserError>([&] { runs.train(); }), HasSubstr("device is 'cuda:99'"));
  runs.config.device = "gpu";
  EXPECT_THAT(message_of<UserError>([&] { runs.train(); }), HasSubstr("auto, cpu, cuda or cuda:N"));
}

TEST(TrainerTest, TrainsPlainFullAttentionToo) {
  TinyRuns runs;
  runs.config.model.memory = {0, "none"};
  EXPECT_TRUE(runs.train().finished);
  EXPECT_EQ(runs.metrics().size(), 6u);
}

TEST(TrainerTest, RecordsNoGatesWhereThereIsNoMemory) {
  TinyRuns runs;
  runs.config.model.memory.update = "none";
  runs.train();
  for (const auto& line : runs.metrics()) EXPECT_FALSE(line.contains("gates") || line.contains("memory_share"));
}

TEST(TrainerTest, WritesOneTensorboardRecordALoggedStep) {
  TinyRuns runs;
  runs.train();
  const auto files = names_in(runs.run_folder() / "tensorboard");
  ASSERT_EQ(files.size(), 1u);
  const std::string bytes = testing::read_text(runs.run_folder() / "tensorboard" / files.front());
  size_t records = 0;
  for (size_t position = 0; position < bytes.size(); ++records) {
    uint64_t length = 0;
    std::memcpy(&length, bytes.data() + position, sizeof(length));
    position += 16 + length;
    ASSERT_LE(position, bytes.size());
  }
  EXPECT_EQ(records, 2u + 6u);  // version and session start, then one per step
  EXPECT_THAT(bytes, HasSubstr("gates/layer 1 head 0"));
  EXPECT_THAT(bytes, HasSubstr("gates/all heads"));
  EXPECT_THAT(bytes, HasSubstr("effective rank/layer 1 head 0"));
}

TEST(TrainerTest, LearnsATaskStageAfterStageAndMeasuresItsAnswers) {
  TinyRuns runs;
  runs.learn("passkey");
  runs.train();
  const std::vector<nlohmann::json> metrics = runs.metrics();
  ASSERT_EQ(metrics.size(), 6u);
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(metrics[i].at("stage"), i / 2 + 1);
    EXPECT_GE(metrics[i].at("segments"), 14);
    EXPECT_LE(metrics[i].at("segments"), 20);
    EXPECT_GT(metrics[i].at("answer_loss"), 0);
    EXPECT_LE(metrics[i].at("answer_accuracy"), 1);
    // The loss of the answers, plus a tenth of the other tokens' loss.
    EXPECT_GT(metrics[i].at("loss").get<double>(), metrics[i].at("answer_loss").get<double>());
  }
  EXPECT_TRUE(metrics[2].at("validation").contains("exact_match"));
}

TEST(TrainerTest, LearnsATaskOfBytesWithoutAnyData) {
  TinyRuns runs;
  runs.learn("key_value");
  runs.config.data.path.clear();
  EXPECT_TRUE(runs.train().finished);
}

TEST(TrainerTest, LearnsATaskWithFullAttention) {
  TinyRuns runs;
  runs.learn("passkey");
  runs.config.model.memory = {0, "none"};
  EXPECT_TRUE(runs.train().finished);
  EXPECT_TRUE(runs.metrics()[2].at("validation").contains("exact_match"));
}

TEST(TrainerTest, RefusesSequencesTooShortForTheTask) {
  TinyRuns runs;
  runs.learn("passkey");
  runs.config.train_length = 16;
  EXPECT_THAT(message_of<UserError>([&] { runs.train(); }), HasSubstr("train_length is 16"));
}

TEST(TrainerTest, KeepsTheBestCheckpointBesideTheLast) {
  TinyRuns runs;
  runs.config.steps = 8;
  runs.config.optimizer.learning_rate = 0.03;
  runs.config.schedule.warmup_steps = 3;
  runs.config.validation.every = 1;
  runs.config.checkpoint = {.every = 100, .keep_last = 1};
  runs.config.early_stop = {.metric = "loss", .patience = 100};
  const TrainingOutcome outcome = runs.train();
  int64_t best_step = 0;
  double best = 1e9;
  for (const auto& line : runs.metrics()) {
    const double loss = line.at("validation").at("loss");
    if (loss < best) std::tie(best, best_step) = std::pair(loss, line.at("step").get<int64_t>());
  }
  ASSERT_TRUE(outcome.best);
  ASSERT_LT(best_step, 8) << "or the last would be kept anyway";
  EXPECT_EQ(outcome.best->step, best_step);
  EXPECT_EQ(outcome.best->value, best);
  EXPECT_EQ(read_best(runs.run_folder())->step, best_step);
  EXPECT_EQ(checkpoint_of(runs.run_folder()), runs.checkpoint(best_step));
  EXPECT_TRUE(std::filesystem::exists(runs.checkpoint(best_step)));
  EXPECT_TRUE(std::filesystem::exists(runs.checkpoint(8)));
  EXPECT_LE(names_in(runs.run_folder() / "checkpoints").size(), 2u);
}

TEST(TrainerTest, TheBestCheckpointOutlivesThePatience) {
  TinyRuns runs;
  runs.stand_still();
  runs.config.steps = 100;
  runs.config.validation.every = 1;
  runs.config.checkpoint = {.every = 1, .keep_last = 1};
  runs.config.early_stop = {.metric = "loss", .patience = 3};
  const TrainingOutcome outcome = runs.train();
  EXPECT_EQ(outcome.best->step, 1);
  EXPECT_THAT(names_in(runs.run_folder() / "checkpoints"), UnorderedElementsAre("step-1", "step-4"));
}

TEST(TrainerTest, LeavesNoFolderBehindWhereItRefuses) {
  TinyRuns runs;
  runs.config.model.vocab_size = 300;
  EXPECT_THROW(runs.train(), UserError);
  runs.config.model.vocab_size = 0;
  runs.config.initial_checkpoint = runs.run_folder() / "nothing";
  EXPECT_THROW(runs.train(), UserError);
  EXPECT_FALSE(std::filesystem::exists(runs.config.output_folder));
}

TEST(TrainerTest, NamesItsParameterGroupsAndWhatIsProbablyNotMeant) {
  TinyRuns runs;
  runs.config.schedule.warmup_steps = 6;
  runs.config.train_length = 400;  // most of a sequence is padding
  runs.config.model.memory.segment_length = 400;
  runs.config.parameters.insert(runs.config.parameters.begin(), {.match = "*.embed_tokens.*", .trainable = false});
  ::testing::internal::CaptureStderr();
  runs.train();
  const std::string lines = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(lines, HasSubstr("parameters *.embed_tokens.*: 4096 in 1 tensors, frozen"));
  EXPECT_THAT(lines, HasSubstr("parameters *.memory_gate: 4 in 2 tensors, learning rate 0.01, weight decay 0"));
  EXPECT_THAT(lines, HasSubstr("parameters *: "));
  EXPECT_THAT(lines, HasSubstr("warning: schedule.warmup_steps is 6, but the run has 6 steps"));
  EXPECT_THAT(lines, HasSubstr("of the first step was padding"));
}

TEST(TrainerTest, SaysHowAValidationWent) {
  TinyRuns runs;
  ::testing::internal::CaptureStderr();
  runs.train();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              ::testing::ContainsRegex("validation after step 3: loss [0-9.]+, perplexity"));
}

TEST(TrainerTest, AFrozenParameterStaysAsItWas) {
  TinyRuns runs;
  runs.config.parameters = {{.match = "*.k_proj.weight", .trainable = false}};
  auto trainer = runs.trainer();
  const auto before = trainer->model().named_parameters()["model.layers.0.self_attn.k_proj.weight"].clone();
  trainer->run();
  EXPECT_TRUE(torch::equal(trainer->model().named_parameters()["model.layers.0.self_attn.k_proj.weight"], before));
  trainer.reset();
  EXPECT_TRUE(runs.train(/*resume=*/true).finished);
}

TEST(TrainerTest, StopsEarlyWhenAMetricNoLongerImproves) {
  TinyRuns runs;
  runs.stand_still();
  runs.config.steps = 100;
  runs.config.validation.every = 1;
  runs.config.early_stop = {.metric = "loss", .patience = 3};
  const TrainingOutcome outcome = runs.train();
  EXPECT_EQ(outcome.step, 4);
  EXPECT_TRUE(outcome.finished);
  EXPECT_EQ(runs.train(/*resume=*/true).step, 4) << "a run that has ended is ended";
}

}  // namespace
}  // namespace infini
