#include "report/recall_record.h"

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

/// One row of a model's "summed".
std::string row(const std::string& from, const std::string& to, const std::string& trained_to, const std::string& words,
                const std::string& nats, const std::string& error) {
  return R"({"distance":"x","distance_from":)" + from + R"(,"distance_to":)" + to +
         R"(,"trained_from":0,"trained_to":)" + trained_to + R"(,"words":)" + words + R"(,"nats":)" + nats +
         R"(,"standard_error":)" + error + "}";
}

std::string model(const std::string& name, const std::string& memory_off, const std::string& nats) {
  return R"({"name":")" + name + R"(","memory_off":)" + memory_off + R"(,"summed":[)" +
         row("null", "null", "20", "40", "12.5", "0.25") + "," + row("0", "0", "20", "9", nats, "0.5") + "," +
         row("1", "1", "20", "0", "null", "null") + "," + row("3", "4", "20", "1", "7", "null") + "," +
         row("0", "0", "60", "90", "1.5", "0.5") + "]}";
}

const std::string kRecall = R"({"loss":1.5,"recall":{"segment_length":64,"models":[)" + model("run", "false", "6.5") +
                            "," + model("run, memory off", "true", "6.75") + "]}}";

class Recall : public testing::Test {
 protected:
  Recall() { write_finished_run(folder_, "run", kDeltaConfig); }
  RunRecord run() const { return read_run(folder_.path() / "run"); }
  TemporaryFolder folder_;
};

TEST_F(Recall, IsThatOfRareWordsWithoutEmptyCells) {
  folder_.write("run/recall.json", kRecall);
  const RunRecord record = run();
  EXPECT_TRUE(record.notes.empty());
  ASSERT_TRUE(record.recall);
  EXPECT_EQ(record.recall->segment_length, 64);
  ASSERT_EQ(record.recall->models.size(), 2u);
  EXPECT_EQ(figure_data({record})["runs"][0]["recall"], json::parse(R"({"segment_length":64,"rare":20,"models":[
              {"name":"run","memory_off":false,"points":[[null,null,40,12.5,0.25],[0,0,9,6.5,0.5],[3,4,1,7.0,0.0]]},
              {"name":"run, memory off","memory_off":true,
               "points":[[null,null,40,12.5,0.25],[0,0,9,6.75,0.5],[3,4,1,7.0,0.0]]}]})"));
}

TEST_F(Recall, IsMissingWithoutANoteWhereNobodyMeasuredIt) {
  EXPECT_FALSE(run().recall);
  EXPECT_TRUE(run().notes.empty());
  EXPECT_TRUE(figure_data({run()})["runs"][0]["recall"].is_null());
}

TEST_F(Recall, MayAlsoStandInTheEvaluation) {
  folder_.write("run/evaluation.json", R"({"perplexity":4.5,)" + kRecall.substr(1));
  ASSERT_TRUE(run().recall);
  EXPECT_EQ(run().recall->models[0].points.size(), 3u);
}

TEST_F(Recall, ThatCannotBeReadIsNamed) {
  for (const char* const damaged : {"{", "[]", R"({"loss":1.5})", R"({"recall":{"segment_length":64}})",
                                    R"({"recall":{"segment_length":64,"models":[{"name":3}]}})"}) {
    folder_.write("run/recall.json", damaged);
    EXPECT_THAT(run().notes, ElementsAre(HasSubstr("recall.json cannot be read: no loss on words that return")))
        << damaged;
    EXPECT_FALSE(run().recall);
  }
}

}  // namespace
}  // namespace infini::report
