#include "report/memory_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/figure_data.h"
#include "report/page.h"
#include "report/run_folder.h"

namespace infini::report {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const char* const kMemory = R"({"segment_length": 128, "documents": 3, "points": [
  {"segments": 1, "documents": 3, "readings": {"z": [[1.5]], "retrieval_norm": [[null, null]]}},
  {"segments": 2, "documents": 1, "readings": {"z": [[3.0]], "retrieval_norm": [[0.5, 0.25]]}}]})";

TEST(MemoryRecord, IsDrawnPointByPoint) {
  TemporaryFolder folder;
  write_finished_run(folder, "books", kDeltaConfig);
  EXPECT_THAT(read_run(folder.path() / "books").memory, IsEmpty()) << "no run needs one";
  folder.write("books/memory.json", kMemory);
  const RunRecord run = read_run(folder.path() / "books");
  EXPECT_THAT(run.notes, IsEmpty());
  ASSERT_EQ(run.memory.size(), 2u);
  EXPECT_EQ(run.memory[1].segments, 2);
  EXPECT_EQ(run.memory[1].documents, 1);
  EXPECT_EQ(figure_data({run})["runs"][0]["memory"],
            json::parse(R"([[1, 3, {"z": [[1.5]], "retrieval_norm": [[null, null]]}],
                            [2, 1, {"z": [[3.0]], "retrieval_norm": [[0.5, 0.25]]}]])"));
  EXPECT_THAT(report_page({run}), HasSubstr("infini memory --checkpoint"));
}

TEST(MemoryRecord, ADamagedFileIsANote) {
  TemporaryFolder folder;
  write_finished_run(folder, "books", kDeltaConfig);
  for (const char* const text : {R"({"points": [{"segm)", R"({"documents": 3})"}) {
    folder.write("books/memory.json", text);
    const RunRecord run = read_run(folder.path() / "books");
    EXPECT_THAT(run.memory, IsEmpty());
    EXPECT_THAT(run.notes, ElementsAre(HasSubstr("memory.json cannot be read: no figures")));
  }
}

}  // namespace
}  // namespace infini::report
