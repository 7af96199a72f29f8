#include "report/needle_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/comparison.h"
#include "report/page.h"
#include "report/run_folder.h"

namespace infini::report {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kGrid =
    R"({"settings":{"task":"passkey","digits":5,"needles":1,"fillers":["grass"],"documents":"","memory":true}}
{"length":1024,"depth":0.0,"trials":20,"exact":20,"evidence_share":[[0.5,0.25],[0.125,0.75]]}
{"length":1048576,"depth":0.0,"trials":10,"exact":9}
{"length":1048576,"depth":1.0,"trials":10,"exact":10}
{"length":2097152,"depth":1.0,"tri)";

class NeedleRecord : public testing::Test {
 protected:
  NeedleRecord() {
    folder_.write("run/config.yaml", "name: run\n");
    folder_.write("run/passkey.jsonl", kGrid);
  }
  TemporaryFolder folder_;
};

TEST_F(NeedleRecord, ReadsWholeCellsAndWhatTheyWereMeasuredWith) {
  const RunRecord run = read_run(folder_.path() / "run");
  ASSERT_EQ(run.needles.size(), 1u);
  EXPECT_EQ(run.needles[0].name, "passkey");
  EXPECT_EQ(run.needles[0].settings, "passkey, 5 digits, filler: grass");
  ASSERT_EQ(run.needles[0].cells.size(), 3u) << "the last line is still being written";
  EXPECT_EQ(run.needles[0].cells[1].exact, 9);
  for (const std::string& note : run.notes) EXPECT_THAT(note, Not(HasSubstr("evaluation.json"))) << "none is wanted";
}

TEST_F(NeedleRecord, TheHeadlineIsTheShareAtTheGreatestLength) {
  EXPECT_EQ(headline({read_run(folder_.path() / "run")}), "run gives 95.0% of the answers right at 1M tokens.");
}

TEST_F(NeedleRecord, OfACellMeasuredTwiceTheOneWithMoreTrialsCounts) {
  std::string more = kGrid;
  more.insert(more.find("{\"length\":2097152"), "{\"length\":1048576,\"depth\":1.0,\"trials\":20,\"exact\":5}\n");
  folder_.write("run/passkey.jsonl", more);
  const RunRecord run = read_run(folder_.path() / "run");
  ASSERT_EQ(run.needles[0].cells.size(), 3u);
  EXPECT_EQ(run.needles[0].cells[2].trials, 20);
}

TEST_F(NeedleRecord, TheHeadlineNamesTheRunsThatLooked) {
  folder_.write("new/config.yaml", "name: new\n");
  EXPECT_EQ(headline({read_run(folder_.path() / "new"), read_run(folder_.path() / "run")}),
            "run gives 95.0% of the answers right at 1M tokens.");
}

TEST_F(NeedleRecord, TheHeadlineIsOfTheFileWithoutASuffix) {
  std::string other = kGrid;
  folder_.write("run/passkey-unseen.jsonl", other.replace(other.find("\"exact\":9"), 9, "\"exact\":0"));
  EXPECT_EQ(headline({read_run(folder_.path() / "run")}), "run gives 95.0% of the answers right at 1M tokens.");
}

TEST_F(NeedleRecord, TheTableShowsTheSharesInsteadOfPerplexitiesThatNobodyMeasured) {
  folder_.write("other/config.yaml", "name: other\n");
  folder_.write("other/passkey-unseen.jsonl", kGrid);
  std::vector<RunRecord> runs = {read_run(folder_.path() / "run"), read_run(folder_.path() / "other")};
  EXPECT_THAT(results_table(runs).columns,
              testing::ElementsAre("run", "memory update", "parameters", "tokens trained", "tokens/s (median)",
                                   "passkey, right", "passkey-unseen, right"));
  EXPECT_THAT(results_table(runs).rows[0], testing::ElementsAre("run", "–", "–", "–", "–", "95.0% at 1M", "–"));
  EXPECT_THAT(results_table(runs).rows[1], testing::ElementsAre("other", "–", "–", "–", "–", "–", "95.0% at 1M"));
  runs[1].evaluation.emplace();
  EXPECT_THAT(results_table(runs).columns, testing::Contains("test perplexity"));
}

TEST_F(NeedleRecord, ThePageCarriesTheCellsAndTheLargestShareOfEachLayer) {
  const std::string page = report_page({read_run(folder_.path() / "run")});
  EXPECT_THAT(page, HasSubstr("95.0%"));
  EXPECT_THAT(page, HasSubstr(R"("exact":9,"length":1048576)"));
  EXPECT_THAT(page, HasSubstr(R"("share":[0.5,0.75])"));
}

TEST_F(NeedleRecord, NamesAFileThatIsDamaged) {
  folder_.write("run/passkey-unseen.jsonl", "{\"length\":true}\n");
  const RunRecord run = read_run(folder_.path() / "run");
  EXPECT_EQ(run.needles.size(), 1u);
  EXPECT_THAT(run.notes, testing::Contains(HasSubstr("passkey-unseen.jsonl cannot be read")));
}

}  // namespace
}  // namespace infini::report
