#include "objective/needle_task.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "data/dataset_description.h"
#include "data/shard.h"
#include "io/temporary_folder.h"
#include "log/error.h"
#include "objective/made_of_bytes.h"

namespace infini {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing::task_of_bytes;
using testing::text_of;
using testing::tokens_of;

TEST(NeedleTask, IsThePromptOfThePaper) {
  const Example example = task_of_bytes().example(1, 0, 1024, 0.5);
  EXPECT_EQ(example.length(), 1024);
  EXPECT_EQ(tokens_of(example, 0, 1)[0], 0) << "the document_start";
  const std::string text = text_of(example);
  const std::string key = text.substr(text.size() - 5);
  EXPECT_THAT(text, StartsWith(std::string(kIntroduction)));
  EXPECT_THAT(text, HasSubstr(" The pass key is " + key + ". Remember it. " + key + " is the pass key. "));
  EXPECT_THAT(text, HasSubstr(" The grass is green. The sky is blue. The sun is yellow. Here we go. There and back "
                              "again. The grass"));
  EXPECT_THAT(text, EndsWith(". What is the pass key? The pass key is " + key));
}

TEST(NeedleTask, MarksTheAnswerAndTheEvidence) {
  const Example example = task_of_bytes().example(1, 3, 2000);
  const TokenSpan answer = example.answer();
  EXPECT_EQ(answer.end, 2000);
  const std::string key = text_of(example, answer.begin + 1, answer.end);
  EXPECT_EQ(text_of(example, answer.begin, answer.end), " " + key);
  ASSERT_EQ(example.evidence().size(), 1u);
  EXPECT_EQ(text_of(example, example.evidence()[0].begin, example.evidence()[0].end),
            " The pass key is " + key + ". Remember it. " + key + " is the pass key.");
}

TEST(NeedleTask, DependsOnSeedAndIndexAlone) {
  const NeedleTask task = task_of_bytes({.fillers = {"harbour", "garden"}});
  EXPECT_EQ(text_of(task.example(1, 7, 3000)), text_of(task.example(1, 7, 3000)));
  EXPECT_NE(text_of(task.example(1, 7, 3000)), text_of(task.example(1, 8, 3000)));
  EXPECT_NE(text_of(task.example(1, 7, 3000)), text_of(task.example(2, 7, 3000)));
}

TEST(NeedleTask, ReadsTheSameInPiecesOfAnySize) {
  const Example example = task_of_bytes({.fillers = {"winter"}}).example(1, 1, 2500);
  const std::string whole = text_of(example);
  for (const int64_t size : {1, 7, 64, 900}) {
    std::string pieces;
    for (int64_t begin = 1; begin < 2500; begin += size) {
      pieces += text_of(example, begin, std::min<int64_t>(begin + size, 2500));
    }
    EXPECT_EQ(pieces, whole) << size;
  }
}

TEST(NeedleTask, PutsTheKeyAtItsDepthAndNotAlwaysAtTheSamePlaceOfASegment) {
  const NeedleTask task = task_of_bytes();
  constexpr int64_t length = 20000;
  for (const double depth : {0.0, 0.25, 1.0}) {
    std::set<int64_t> places;
    for (uint64_t index = 0; index < 60; ++index) {
      const int64_t begin = task.example(1, index, length, depth).evidence()[0].begin;
      EXPECT_NEAR(static_cast<double>(begin), depth * length, 450) << "the jitter, and introduction or question";
      places.insert(begin % 64);
    }
    EXPECT_GT(places.size(), 12u) << depth;
  }
}

TEST(NeedleTask, BreaksNoSentence) {
  const NeedleTask task = task_of_bytes({.fillers = {"market"}});
  for (uint64_t index = 0; index < 50; ++index) {
    const Example example = task.example(1, index, 1500);
    const int64_t begin = example.evidence()[0].begin;
    const std::string before = text_of(example, begin - 1, begin);
    // The key may follow the introduction directly, which also ends with a full stop.
    EXPECT_EQ(before, ".") << index;
  }
}

TEST(NeedleTask, HidesEveryNeedleOfTheHarderVariants) {
  for (const std::string kind : {"passkey", "passkeys", "key_value", "variables"}) {
    const Example example =
        task_of_bytes({.kind = kind, .needles = kind == "passkey" ? 1 : 4}).example(1, 0, 4096, 0.3);
    const std::string text = text_of(example);
    EXPECT_EQ(example.length(), 4096) << kind;
    EXPECT_THAT(text, EndsWith(" is " + text.substr(text.size() - 5))) << kind;
    EXPECT_EQ(example.evidence().size(), kind == "variables" ? 4u : 1u) << kind;
    for (size_t i = 1; i < example.evidence().size(); ++i) {
      EXPECT_LE(example.evidence()[i - 1].end, example.evidence()[i].begin) << "a chain stands in its order";
    }
  }
}

TEST(NeedleTask, FitsItsShortestLengthAndRefusesLess) {
  const NeedleTask task = task_of_bytes();
  const int64_t shortest = task.shortest_length();
  EXPECT_EQ(text_of(task.example(1, 0, shortest)).substr(0, 16), " The pass key is");
  try {
    task.example(1, 0, shortest - 1);
    FAIL() << "accepted";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("no room for task passkey"));
  }
}

TEST(NeedleTask, SaysWhatEachExampleNeeds) {
  const NeedleTask task = task_of_bytes({.kind = "passkeys", .needles = 3});
  std::set<int64_t> lengths;
  for (uint64_t index = 0; index < 100; ++index) {
    const int64_t needed = task.shortest_length(1, index);
    lengths.insert(needed);
    EXPECT_EQ(task.example(1, index, needed).length(), needed);
    EXPECT_THROW(task.example(1, index, needed - 1), UserError);
  }
  EXPECT_GT(lengths.size(), 3u) << "names differ in length";
}

TEST(NeedleTask, TakesTheTextOfPreparedDocumentsForFiller) {
  const testing::TemporaryFolder folder;
  ShardWriter writer(1);
  const auto tokenizer = make_byte_tokenizer();
  for (const std::string text : {"Call me. Some years ago. ", "It was. The best of times. "}) {
    writer.begin(0);
    writer.append(tokenizer->encode(text));
    writer.end(static_cast<int64_t>(text.size()), 5);
  }
  std::filesystem::create_directories(folder.path() / "test");
  writer.write(shard_file(folder.path() / "test", 0), 2, 0);
  DatasetDescription description;
  description.tokenizer = "bytes";
  description.vocab_size = tokenizer->vocab_size();
  description.splits = {{.name = "test", .shards = 1, .documents = 2, .tokens = 54, .bytes = 52, .words = 11}};
  write_dataset_description(folder.path(), description);
  const NeedleTask task = task_of_bytes({.fillers = {}, .documents = folder.path() / "test"});
  const std::string text = text_of(task.example(1, 0, 500, 1.0));
  EXPECT_THAT(text, HasSubstr("ago. It was. The best of times. Call me. Some")) << "round and round";
}

TEST(NeedleTask, RefusesFillersThatAreNone) {
  EXPECT_THROW(task_of_bytes({.fillers = {"gras"}}), UserError);
  EXPECT_THROW(task_of_bytes({.fillers = {}}), UserError);
  EXPECT_THROW(task_of_bytes({.documents = "/nowhere"}), UserError);
}

}  // namespace
}  // namespace infini
