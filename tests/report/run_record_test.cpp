#include "report/run_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/run_folder.h"

namespace infini::report {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(RunRecord, AFinishedRunIsReadWhole) {
  TemporaryFolder folder;
  write_finished_run(folder, "books", kDeltaConfig);
  const RunRecord run = read_run(folder.path() / "books");

  EXPECT_EQ(run.name, "books");
  EXPECT_EQ(run.data_path, "data/books");
  EXPECT_THAT(run.notes, IsEmpty());
  ASSERT_EQ(run.steps.size(), 3u);
  EXPECT_EQ(run.steps[0].loss, 5.5);
  EXPECT_THAT(run.steps[0].readings.at("gates"), ElementsAre(ElementsAre(0.25, 0.5)));
  EXPECT_THAT(run.steps[0].readings.at("memory_share"), ElementsAre(ElementsAre(0.125, 0.375)));
  EXPECT_EQ(run.steps[2].validation_loss, 4.75);
  EXPECT_EQ(run.steps[2].learning_rate, 0.003);

  ASSERT_TRUE(run.model);
  EXPECT_EQ(run.model->update, "delta");
  EXPECT_EQ(run.model->segment_length, 128);
  EXPECT_EQ(run.model->key_value_heads, 2);
  EXPECT_EQ(run.parameters, 256 * 192 + 4 * 192 + 6);
  EXPECT_EQ(run.sample, "KING HENRY.\nWhat says the duke?\n");
}

TEST(RunRecord, ASkippedStepHasNoLossAndNoGradientNorm) {
  TemporaryFolder folder;
  write_finished_run(folder, "books", kDeltaConfig);
  const RunRecord run = read_run(folder.path() / "books");
  EXPECT_EQ(run.steps[1].loss, std::nullopt);
  EXPECT_EQ(run.steps[1].gradient_norm, std::nullopt);
  EXPECT_EQ(run.steps[1].skipped_steps, 1);
}

TEST(RunRecord, APositionThatNoDocumentReachesIsLeftOut) {
  TemporaryFolder folder;
  write_finished_run(folder, "books", kDeltaConfig);
  const RunRecord run = read_run(folder.path() / "books");
  ASSERT_TRUE(run.evaluation);
  ASSERT_EQ(run.evaluation->positions.size(), 2u);
  EXPECT_EQ(run.evaluation->positions[1].from, 256);
  EXPECT_EQ(run.evaluation->positions[1].to, 511);
  EXPECT_EQ(run.evaluation->positions[1].loss, 1.625);
}

TEST(RunRecord, AHalfWrittenLastLineIsLeftOutWithoutAWord) {
  TemporaryFolder folder;
  folder.write("run/config.yaml", "name: run\n");
  folder.write("run/metrics.jsonl", "{\"step\":1,\"tokens\":10,\"loss\":2.0}\n{\"step\":2,\"tokens\":20,\"lo");
  const RunRecord run = read_run(folder.path() / "run");
  ASSERT_EQ(run.steps.size(), 1u);
  EXPECT_EQ(run.steps[0].tokens, 10);
  for (const auto& note : run.notes) EXPECT_THAT(note, testing::Not(HasSubstr("metrics.jsonl")));
}

TEST(RunRecord, AnUnreadableLineInTheMiddleIsNamedAndTheRestIsRead) {
  TemporaryFolder folder;
  folder.write("run/metrics.jsonl",
               "{\"step\":1,\"tokens\":10}\n{\"step\":2,\"tok\n"
               "{\"step\":3,\"tokens\":30}\n{\"step\":\"x\",\"tokens\":1}\n");
  const RunRecord run = read_run(folder.path() / "run");
  ASSERT_EQ(run.steps.size(), 2u);
  EXPECT_EQ(run.steps[1].step, 3);
  EXPECT_THAT(run.notes, testing::Contains(HasSubstr("metrics.jsonl, line 2")));
  EXPECT_THAT(run.notes, testing::Contains(HasSubstr("metrics.jsonl, line 4")));
}

TEST(RunRecord, StepsAreInOrderAndALaterLineOfTheSameStepCounts) {
  TemporaryFolder folder;
  folder.write("run/metrics.jsonl",
               "{\"step\":2,\"tokens\":20,\"loss\":9}\n{\"step\":1,\"tokens\":10}\n"
               "{\"step\":2,\"tokens\":20,\"loss\":3}");
  const RunRecord run = read_run(folder.path() / "run");
  ASSERT_EQ(run.steps.size(), 2u);
  EXPECT_EQ(run.steps[0].step, 1);
  EXPECT_EQ(run.steps[1].loss, 3);
}

TEST(RunRecord, TheNewestCheckpointIsTheOneWithTheLargestNumber) {
  TemporaryFolder folder;
  write_finished_run(folder, "books", kDeltaConfig);
  folder.write("books/checkpoints/step-15/config.json", kDeltaConfig);
  folder.write("books/checkpoints/step-20/config.json", kLocalConfig);
  folder.write("books/checkpoints/step-9/config.json", kDeltaConfig);
  folder.write("books/checkpoints/step-1/config.json", kDeltaConfig);
  folder.write("books/checkpoints/.step-30.partial/config.json", kDeltaConfig);
  folder.write("books/checkpoints/step-40.old/config.json", kDeltaConfig);
  const RunRecord run = read_run(folder.path() / "books");
  EXPECT_EQ(run.checkpoint.filename(), "step-20");
  EXPECT_EQ(run.model->update, "none");
}

TEST(RunRecord, WhateverIsMissingIsNamed) {
  TemporaryFolder folder;
  folder.write("run/config.yaml", "name: run\n");
  const RunRecord run = read_run(folder.path() / "run");
  EXPECT_THAT(run.notes, ElementsAre(HasSubstr("metrics.jsonl is missing"), HasSubstr("checkpoints/"),
                                     HasSubstr("evaluation.json is missing")));
  EXPECT_TRUE(run.steps.empty());
  EXPECT_FALSE(run.model || run.parameters || run.evaluation);
}

TEST(RunRecord, AModelWithoutMemoryMissesNoEvaluationWithoutMemory) {
  TemporaryFolder folder;
  write_finished_run(folder, "local", kLocalConfig);
  std::filesystem::remove(folder.path() / "local/evaluation-no-memory.json");
  EXPECT_THAT(read_run(folder.path() / "local").notes, IsEmpty());
  write_finished_run(folder, "delta", kDeltaConfig);
  std::filesystem::remove(folder.path() / "delta/evaluation-no-memory.json");
  EXPECT_THAT(read_run(folder.path() / "delta").notes, ElementsAre(HasSubstr("evaluation-no-memory.json is missing")));
}

TEST(RunRecord, ADamagedFileIsNamedAndTheOthersAreRead) {
  TemporaryFolder folder;
  write_finished_run(folder, "books", kDeltaConfig);
  folder.write("books/evaluation.json", "{\"perplexity\": ");
  folder.write("books/config.yaml", "a: [1\nb: }");
  folder.write("books/checkpoints/step-3/config.json", "{");
  folder.write("books/checkpoints/step-3/model.safetensors", "short");
  const RunRecord run = read_run(folder.path() / "books");
  EXPECT_THAT(run.notes,
              ElementsAre(HasSubstr("config.yaml cannot be read"), HasSubstr("step-3/config.json"),
                          HasSubstr("parameters cannot be counted"), HasSubstr("evaluation.json cannot be read")));
  EXPECT_EQ(run.steps.size(), 3u);
}

TEST(RunRecord, AnEvaluationMayHaveTheLossOfEachDocument) {
  TemporaryFolder folder;
  write_finished_run(folder, "books", kDeltaConfig);
  EXPECT_THAT(read_run(folder.path() / "books").evaluation->documents_read, IsEmpty());
  EXPECT_FALSE(read_run(folder.path() / "books").evaluation->loss_standard_error);
  folder.write("books/evaluation.json",
               R"({"perplexity": 4.5, "loss": 1.504, "loss_standard_error": 0.25, "tokens_per_second": 125.5,
                   "tokens": 30, "documents": 2, "documents_read": [
                     {"name": "one", "tokens": 10, "nats": 15.5, "words": 3, "bytes": 11},
                     {"name": "two", "tokens": 20, "nats": 29.625, "words": 5, "bytes": 21}]})");
  const RunRecord run = read_run(folder.path() / "books");
  ASSERT_TRUE(run.evaluation);
  EXPECT_EQ(run.evaluation->loss_standard_error, 0.25);
  EXPECT_EQ(run.evaluation->tokens_per_second, 125.5);
  ASSERT_EQ(run.evaluation->documents_read.size(), 2u);
  EXPECT_EQ(run.evaluation->documents_read[1].name, "two");
  EXPECT_EQ(run.evaluation->documents_read[1].tokens, 20);
  EXPECT_EQ(run.evaluation->documents_read[1].nats, 29.625);
}

TEST(RunRecord, AKindOfMemoryWithoutUpdateRuleIsCalledByItsName) {
  TemporaryFolder folder;
  write_finished_run(folder, "cache", R"({"infini": {"segment_length": 128, "kind": "some_kind"}})");
  const RunRecord run = read_run(folder.path() / "cache");
  EXPECT_EQ(run.model->update, "some_kind");
  EXPECT_TRUE(run.model->has_memory());
}

TEST(RunRecord, AModelWithoutSegmentsIsFullAttention) {
  TemporaryFolder folder;
  write_finished_run(folder, "plain", R"({"vocab_size": 32000, "num_attention_heads": 8})");
  const RunRecord run = read_run(folder.path() / "plain");
  EXPECT_EQ(run.model->update, "full");
  EXPECT_EQ(run.model->key_value_heads, 8);
  EXPECT_FALSE(run.model->has_memory());
}

TEST(RunRecord, ATrailingSlashAndADotDoNotChangeTheName) {
  TemporaryFolder folder;
  write_finished_run(folder, "books", kDeltaConfig);
  EXPECT_EQ(read_run(folder.path() / "books" / "").name, "books");
  EXPECT_EQ(read_run(folder.path() / "books" / ".").name, "books");
  EXPECT_EQ(read_run(folder.path() / "books" / "").folder, folder.path() / "books");
}

TEST(RunRecord, AFolderThatIsNoRunIsAUserError) {
  TemporaryFolder folder;
  folder.write("notes/readme.txt", "nothing");
  const std::string missing = (folder.path() / "missing").string(), notes = (folder.path() / "notes").string();
  EXPECT_THAT(user_error([&] { read_run(missing); }), HasSubstr(missing + " is not a folder"));
  EXPECT_THAT(user_error([&] { read_run(notes); }), HasSubstr(notes + " is not the folder of a run"));
  EXPECT_THAT(user_error([&] { read_run(notes + "/readme.txt"); }), HasSubstr("is not a folder"));
}

}  // namespace
}  // namespace infini::report
