#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "io/run_checkpoints.h"
#include "log/error.h"
#include "train/tiny_run.h"

namespace infini {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::TinyRuns;

struct Variant {
  std::string name;
  std::string optimizer = "adamw";
  bool carry_memory = false;
  int64_t accumulation = 1;
  std::string precision = "float32";
  std::string task = "none";
  MemoryConfig memory = {8, "delta"};
  DepthConfig depth = {};
  int64_t shortest_segment = 0;
  int64_t short_convolution = 0;
};

/// A run that carries the state of this kind of memory, in segments of 8 tokens.
Variant with_memory(const std::string& name, MemoryConfig memory) {
  memory.segment_length = 8;
  return {.name = name, .carry_memory = true, .accumulation = 2, .memory = memory};
}

std::vector<Variant> kinds_of_memory() {
  std::vector<Variant> variants = {
      with_memory("TransformerXl", {.kind = "transformer_xl", .cache_length = 12}),
      with_memory("Compressive",
                  {.kind = "compressive", .cache_length = 8, .compressed_length = 5, .compression_rate = 4}),
      with_memory("Memorizing", {.kind = "memorizing", .cache_length = 8, .layer = 1, .slots = 20, .neighbours = 3}),
      with_memory("RecurrentMemory", {.kind = "rmt", .memory_tokens = 2}),
      with_memory("Autocompressor", {.kind = "autocompressors", .summary_tokens = 2})};
  variants.back().shortest_segment = 5;
  variants.push_back(with_memory("Depth", {.update = "linear"}));
  variants.back().depth = {.capacity = 0.5, .every = 2};
  variants.push_back(with_memory("ShortConvolution", {.update = "delta"}));
  variants.back().short_convolution = 4;
  return variants;
}

class ResumeTest : public ::testing::TestWithParam<Variant> {
 protected:
  ResumeTest() {
    runs_.config.optimizer.name = GetParam().optimizer;
    runs_.config.carry_memory = GetParam().carry_memory;
    runs_.config.accumulation = GetParam().accumulation;
    runs_.config.precision = GetParam().precision;
    runs_.config.model.memory = GetParam().memory;
    runs_.config.model.depth = GetParam().depth;
    runs_.config.shortest_segment = GetParam().shortest_segment;
    runs_.config.model.short_convolution = GetParam().short_convolution;
    if (GetParam().task != "none") runs_.learn(GetParam().task);
  }
  TinyRuns runs_;
};

TEST_P(ResumeTest, EndsWithTheWeightsOfAnUndisturbedRun) {
  EXPECT_TRUE(runs_.train().finished);
  const std::string expected = runs_.weights(6);
  const std::vector<nlohmann::json> expected_metrics = runs_.metrics();

  // The folder as after a kill in step 6.
  std::filesystem::remove_all(runs_.checkpoint(6));
  std::filesystem::remove_all(runs_.checkpoint(4));
  const TrainingOutcome outcome = runs_.train(/*resume=*/true);
  EXPECT_EQ(outcome.step, 6);
  EXPECT_EQ(runs_.weights(6), expected);

  const std::vector<nlohmann::json> metrics = runs_.metrics();
  ASSERT_EQ(metrics.size(), expected_metrics.size());
  for (size_t i = 0; i < metrics.size(); ++i) {
    for (const char* key : {"step", "tokens", "loss", "gradient_norm", "learning_rate"}) {
      EXPECT_EQ(metrics[i].at(key), expected_metrics[i].at(key)) << "step " << i + 1 << " " << key;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Variants, ResumeTest,
    ::testing::Values(Variant{.name = "Windows"}, Variant{.name = "CarriedMemory", .carry_memory = true},
                      Variant{.name = "CarriedMemoryAccumulated", .carry_memory = true, .accumulation = 3},
                      Variant{.name = "Adafactor", .optimizer = "adafactor", .accumulation = 2},
                      Variant{.name = "Bfloat16", .carry_memory = true, .precision = "bfloat16"},
                      Variant{.name = "Task", .accumulation = 2, .task = "passkey"}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(KindsOfMemory, ResumeTest, ::testing::ValuesIn(kinds_of_memory()),
                         [](const auto& info) { return info.param.name; });

TEST(ResumeTest, BeginsWhereThereIsNoCheckpointYet) {
  TinyRuns runs;
  runs.train();
  const std::string expected = runs.weights(6);
  std::filesystem::remove_all(runs.run_folder() / "checkpoints");
  runs.train(/*resume=*/true);
  EXPECT_EQ(runs.weights(6), expected);
  EXPECT_EQ(runs.metrics().size(), 6u);
}

TEST(ResumeTest, FallsBackToAnOlderCheckpointWhereTheNewestIsDamaged) {
  TinyRuns runs;
  runs.train();
  const std::string expected = runs.weights(6);
  std::string damaged = expected;
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
  testing::write_text(runs.checkpoint(6) / "model.safetensors", damaged);
  ::testing::internal::CaptureStderr();
  runs.train(/*resume=*/true);
  const std::string lines = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(lines, HasSubstr("warning: "));
  EXPECT_THAT(lines, HasSubstr("step-6"));
  EXPECT_THAT(lines, HasSubstr("resumed from " + runs.checkpoint(4).string()));
  EXPECT_EQ(runs.weights(6), expected);
}

TEST(ResumeTest, ADamagedCheckpointIsNotKeptInThePlaceOfOneThatTheRunWrites) {
  TinyRuns runs;
  runs.train();
  testing::write_text(runs.checkpoint(6) / "model.safetensors", "damaged");
  runs.config.steps = 5;
  runs.config.checkpoint.keep_last = 1;
  EXPECT_EQ(runs.train(/*resume=*/true).checkpoint, runs.checkpoint(5));
  EXPECT_TRUE(std::filesystem::exists(runs.checkpoint(5)));
  EXPECT_TRUE(std::filesystem::exists(runs.checkpoint(6).string() + ".damaged"));
  EXPECT_TRUE(runs.train(/*resume=*/true).finished);
}

TEST(ResumeTest, IsRefusedWhileAnotherProcessTrains) {
  TinyRuns runs;
  const auto trainer = runs.trainer();
  EXPECT_THAT(message_of<UserError>([&] { runs.train(/*resume=*/true); }), HasSubstr("another process is training in"));
}

TEST(ResumeTest, SaysSoWhereEveryCheckpointIsDamaged) {
  TinyRuns runs;
  runs.config.checkpoint.keep_last = 1;
  runs.train();
  testing::write_text(runs.checkpoint(6) / "trainer" / "state.json", "{}");
  EXPECT_THAT(message_of<UserError>([&] { runs.train(true); }), HasSubstr("every checkpoint"));
}

TEST(ResumeTest, DoesNothingToARunThatIsFinished) {
  TinyRuns runs;
  runs.train();
  const TrainingOutcome outcome = runs.train(/*resume=*/true);
  EXPECT_TRUE(outcome.finished);
  EXPECT_EQ(runs.metrics().size(), 6u);
}

TEST(ResumeTest, RefusesFewerStepsThanTheRunHasDone) {
  TinyRuns runs;
  runs.train();
  runs.config.steps = 4;
  EXPECT_THAT(message_of<UserError>([&] { runs.train(true); }), HasSubstr("steps is 4, but the run has done 6"));
}

TEST(ResumeTest, IsAskedForWhereARunHasCheckpoints) {
  TinyRuns runs;
  runs.train();
  EXPECT_THAT(message_of<UserError>([&] { runs.train(); }), HasSubstr("has checkpoints already; resume it"));
}

TEST(ResumeTest, NamesTheKeyAndBothValuesOfAModelOfAnotherSize) {
  TinyRuns runs;
  runs.train();
  runs.config.model.intermediate_size = 40;
  const std::string message = message_of<UserError>([&] { runs.train(true); });
  EXPECT_THAT(message, HasSubstr("model.intermediate_size is 40"));
  EXPECT_THAT(message, HasSubstr("24 in "));
}

TEST(ResumeTest, NamesTheMemoryUpdateOfAnotherModel) {
  TinyRuns runs;
  runs.train();
  runs.config.model.memory.update = "linear";
  EXPECT_THAT(message_of<UserError>([&] { runs.train(true); }), HasSubstr("model.memory.update is \"linear\""));
}

TEST(ResumeTest, RefusesAnotherOptimizerSeedOrWayToCarryMemory) {
  TinyRuns runs;
  runs.train();
  const TrainConfig config = runs.config;
  runs.config.optimizer.name = "adafactor";
  EXPECT_THAT(message_of<UserError>([&] { runs.train(true); }), HasSubstr("another optimizer"));
  runs.config = config;
  runs.config.seed = 6;
  EXPECT_THAT(message_of<UserError>([&] { runs.train(true); }), HasSubstr("seed is 6"));
  runs.config = config;
  runs.config.carry_memory = true;
  EXPECT_THAT(message_of<UserError>([&] { runs.train(true); }), HasSubstr("carry_memory is true"));
}

TEST(ResumeTest, WarnsOfAnotherNumberOfThreads) {
  TinyRuns runs;
  runs.train();
  runs.config.threads = 2;
  ::testing::internal::CaptureStderr();
  runs.train(/*resume=*/true);
  const std::string lines = ::testing::internal::GetCapturedStderr();
  at::set_num_threads(1);
  EXPECT_THAT(lines, HasSubstr("warning: "));
  EXPECT_THAT(lines, HasSubstr("was written with 1 threads, this run has 2"));
}

TEST(ResumeTest, DoesNotNeedTheInitialCheckpointAnyMore) {
  TinyRuns runs;
  runs.learn("passkey");
  runs.config.data.path.clear();
  runs.train();
  const auto initial = runs.config.output_folder / "initial";
  std::filesystem::rename(runs.checkpoint(6), initial);
  runs.config.name = "continued";
  runs.config.initial_checkpoint = initial;
  runs.config.steps = 4;
  runs.train();
  std::filesystem::remove_all(initial);
  runs.config.steps = 6;
  EXPECT_TRUE(runs.train(/*resume=*/true).finished);
}

TEST(ResumeTest, SaysThatMoreStepsChangeTheLearningRate) {
  TinyRuns runs;
  runs.train();
  std::filesystem::remove_all(runs.checkpoint(6));
  ::testing::internal::CaptureStderr();
  runs.train(/*resume=*/true);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), ::testing::Not(HasSubstr("the learning rate of step")));
  std::filesystem::remove_all(runs.checkpoint(6));
  runs.config.steps = 20;
  ::testing::internal::CaptureStderr();
  runs.train(/*resume=*/true);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              ::testing::ContainsRegex("the learning rate of step 5 is 0.009[0-9]+, where the run before would have "
                                       "had 0.00[0-9]+: steps, schedule"));
}

TEST(ResumeTest, RefusesOtherDocumentsOfATask) {
  TinyRuns runs;
  runs.learn("passkey");
  runs.config.task.documents = true;
  runs.train();
  std::filesystem::remove_all(runs.checkpoint(6));
  const std::filesystem::path other = runs.config.data.path.parent_path() / "other";
  testing::write_tiny_data(other, {91, 41, 200, 17, 64, 130});
  runs.config.data.path = other;
  EXPECT_THAT(message_of<UserError>([&] { runs.train(true); }), HasSubstr("belongs to other documents"));
}

TEST(ResumeTest, NamesTheFileOfADamagedState) {
  TinyRuns runs;
  runs.train();
  std::filesystem::remove(runs.checkpoint(6) / "checksums.json");
  for (const char* const damaged : {"{\"step\": \"six\"}", "[]", "{\"step\": 1e400}", "{"}) {
    testing::write_text(runs.checkpoint(6) / "trainer" / "state.json", damaged);
    EXPECT_THAT(message_of<UserError>([&] { runs.train(true); }), HasSubstr("state.json")) << damaged;
  }
}

TEST(ResumeTest, RefusesACheckpointWithoutItsTrainingState) {
  TinyRuns runs;
  runs.train();
  // A checkpoint from a model hub has no trainer/ and no checksums.
  std::filesystem::remove_all(runs.checkpoint(6) / "trainer");
  std::filesystem::remove(runs.checkpoint(6) / "checksums.json");
  EXPECT_THAT(message_of<UserError>([&] { runs.train(true); }), HasSubstr("initial_checkpoint"));
}

TEST(ResumeTest, TheBestCheckpointIsThatOfTheStateThatIsResumed) {
  TinyRuns runs;
  runs.config.early_stop = {.metric = "loss", .patience = 9};
  runs.train();
  const int64_t best = read_best(runs.run_folder())->step;
  // As a crash between the checkpoint and the file leaves it.
  set_best(runs.run_folder(), BestCheckpoint{2, "loss", 9.0});
  runs.train(/*resume=*/true);
  EXPECT_EQ(read_best(runs.run_folder())->step, best);
  // Where no metric is watched any more, no checkpoint is the best.
  runs.config.early_stop = {};
  runs.train(/*resume=*/true);
  EXPECT_FALSE(read_best(runs.run_folder()));
}

TEST(ResumeTest, MakesUpForAValidationThatAStopCutShort) {
  TinyRuns runs;
  runs.config.checkpoint.every = 3;
  runs.config.early_stop = {.metric = "loss", .patience = 9};
  runs.train();
  const std::vector<nlohmann::json> expected = runs.metrics();
  const BestCheckpoint best = read_best(runs.run_folder()).value();

  // As a stop in the validation after step 3 leaves it.
  std::filesystem::remove_all(runs.checkpoint(6));
  std::filesystem::remove(runs.checkpoint(3) / "checksums.json");
  const std::filesystem::path file = runs.checkpoint(3) / "trainer" / "state.json";
  nlohmann::json state = nlohmann::json::parse(testing::read_text(file));
  state["unvalidated_step"] = expected[2];
  state["unvalidated_step"].erase("validation");
  state["early_stop"] = {{"metric", "loss"}, {"without_improvement", 0}};
  testing::write_text(file, state.dump());
  testing::write_text(runs.run_folder() / "metrics.jsonl", expected[0].dump() + "\n" + expected[1].dump() + "\n");

  EXPECT_TRUE(runs.train(/*resume=*/true).finished);
  const std::vector<nlohmann::json> metrics = runs.metrics();
  ASSERT_EQ(metrics.size(), 6u);
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(metrics[i].at("step"), expected[i].at("step"));
    EXPECT_EQ(metrics[i].value("validation", nlohmann::json()), expected[i].value("validation", nlohmann::json()));
  }
  EXPECT_EQ(read_best(runs.run_folder())->step, best.step);
}

TEST(ResumeTest, GoesOnAfterASignal) {
  TinyRuns whole;
  whole.config.steps = 12;
  whole.config.schedule.final_fraction = 1.0;  // makes the schedule independent of the number of steps
  whole.train();

  TinyRuns runs;
  runs.config.steps = 1'000'000;
  runs.config.schedule.final_fraction = 1.0;
  runs.config.checkpoint.every = 1'000'000;
  std::thread interrupter([&] {
    // The first line shows that the trainer is in its loop, where a signal only sets a flag.
    while (testing::read_text(runs.run_folder() / "metrics.jsonl").empty()) std::this_thread::yield();
    kill(getpid(), SIGTERM);
  });
  const TrainingOutcome outcome = runs.train();
  interrupter.join();
  EXPECT_FALSE(outcome.finished);
  EXPECT_EQ(outcome.checkpoint, runs.checkpoint(outcome.step));
  EXPECT_EQ(runs.metrics().size(), static_cast<size_t>(outcome.step));

  if (outcome.step < 12) {
    runs.config.steps = 12;
    EXPECT_TRUE(runs.train(/*resume=*/true).finished);
    EXPECT_EQ(runs.weights(12), whole.weights(12));
  }
}

}  // namespace
}  // namespace infini
