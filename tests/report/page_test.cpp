#include "report/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "report/markup.h"
#include "report/report.h"
#include "report/run_folder.h"

namespace infini::report {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

size_t occurrences(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

/// The JSON that the page's charts read, as a browser cuts it out: up to the first end tag.
json page_data(const std::string& page) {
  const std::string open = R"(<script type="application/json" id="data">)";
  const size_t begin = page.find(open) + open.size();
  return json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

class Page : public testing::Test {
 protected:
  Page() {
    write_finished_run(folder_, "infini", kDeltaConfig);
    write_finished_run(folder_, "local", kLocalConfig, "1.75");
    runs_ = {read_run(folder_.path() / "infini"), read_run(folder_.path() / "local")};
  }
  TemporaryFolder folder_;
  std::vector<RunRecord> runs_;
};

TEST_F(Page, LoadsNothingFromAnywhere) {
  const std::string page = report_page(runs_);
  EXPECT_EQ(occurrences(page, "http://"), occurrences(page, "http://www.w3.org/2000/svg"));
  for (const char* loader : {"https://", "src=", "<link", "@import", "@font-face", "<img", "<iframe", "fetch(",
                             "XMLHttpRequest", "import(", "href="}) {
    EXPECT_THAT(page, Not(HasSubstr(loader)));
  }
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  // The charts' clip paths are the only addresses, and they stay inside the page.
  EXPECT_EQ(occurrences(page, "url("), occurrences(page, "url(#"));
}

TEST_F(Page, HasNoPlaceLeftUnfilledAndEveryPartOnce) {
  const std::string page = report_page(runs_);
  EXPECT_THAT(page, Not(HasSubstr("{{")));
  EXPECT_THAT(page, testing::StartsWith("<!DOCTYPE html>"));
  EXPECT_EQ(occurrences(page, "<table>"), 2u);
  EXPECT_EQ(occurrences(page, "<script"), 2u);
  EXPECT_EQ(occurrences(page, "</script>"), 2u);
  EXPECT_EQ(occurrences(page, "</html>"), 1u);
}

TEST_F(Page, ShowsThePairedComparisonWhereTheDocumentsAreKnown) {
  for (RunRecord& run : runs_) {
    const double more = run.name == "local" ? 30 : 0;
    run.evaluation->documents_read = {{"one", 100, 150 + more}, {"two", 200, 300 + more}};
    run.evaluation->loss_standard_error.reset();
  }
  runs_[0].context_memory = {1585152, 1585152, 6340608};
  const std::string page = report_page(runs_);
  EXPECT_EQ(occurrences(page, "<table>"), 3u);
  // 60 nats on 300 tokens; the residuals 10 and −10 give √(2 · 200) / 300
  EXPECT_THAT(page, HasSubstr(R"(<td data-column="nats/token less infini">+0.2000 ± 0.0667</td>)"));
  EXPECT_THAT(page, HasSubstr(R"-(<td data-column="memory (floats)">1,585,152</td>)-"));
  EXPECT_THAT(page, HasSubstr("<li>local has no context memory to count"));
}

TEST_F(Page, ShowsTheTableTheHeadlineTheSampleAndTheCommands) {
  const std::string page = report_page(runs_);
  EXPECT_THAT(page, HasSubstr(R"(<td data-column="test perplexity">4.482</td>)"));
  EXPECT_THAT(page, HasSubstr(R"(<td data-column="perplexity, memory off">5.755</td>)"));
  EXPECT_THAT(page, HasSubstr("infini reaches a test perplexity of 4.482 (5.755 with its memory switched off)"));
  EXPECT_THAT(page, HasSubstr("KING HENRY.\nWhat says the duke?"));
  const std::string run = (folder_.path() / "infini").string();
  EXPECT_THAT(page, HasSubstr("infini train " + run + "/config.yaml --set name=infini-again\n"));
  EXPECT_THAT(page, HasSubstr("--data data/books/test --no-memory --json &gt; " + run + "-again/evaluation-no-memory"));
}

TEST_F(Page, TheChartsDataAreTheRunsNumbers) {
  const json data = page_data(report_page(runs_));
  ASSERT_EQ(data["runs"].size(), 2u);
  const json& run = data["runs"][0];
  EXPECT_EQ(run["name"], "infini");
  EXPECT_EQ(run["segment_length"], 128);
  EXPECT_EQ(run["training"], json::parse("[[1,1000,5.5],[3,3000,4.5]]"));
  EXPECT_EQ(run["validation"], json::parse("[[3,3000,4.75]]"));
  EXPECT_EQ(run["gradient_norm"], json::parse("[[1,1000,2.0],[3,3000,1.0]]"));
  EXPECT_EQ(run["positions"], json::parse("[[0,255,1.75],[256,511,1.625]]"));
  EXPECT_EQ(run["positions_without_memory"], json::parse("[[0,255,1.875]]"));
  EXPECT_EQ(run["readings"]["gates"], json::parse("[[1,1000,[[0.25,0.5]]]]"));
  EXPECT_EQ(run["readings"]["memory_share"], json::parse("[[1,1000,[[0.125,0.375]]]]"));
  EXPECT_TRUE(data["runs"][1]["positions_without_memory"].empty());
}

TEST_F(Page, ARunWithoutMemoryHasNoFigureOfGates) {
  const json local = page_data(report_page(runs_))["runs"][1];
  EXPECT_TRUE(local["readings"].empty());
  EXPECT_FALSE(local["learning_rate"].empty());
  // What the predictor of a layer knows is no reading of a memory.
  runs_[1].steps[0].readings["depth_accuracy"] = {{NAN}, {0.75}};
  EXPECT_EQ(page_data(report_page(runs_))["runs"][1]["readings"],
            json::parse(R"({"depth_accuracy": [[1, 1000, [[null], [0.75]]]]})"));
  // Nor one of empty layers, while no checkpoint says what the model is.
  runs_[0].model.reset();
  for (RecordedStep& step : runs_[0].steps) step.readings = {{"gates", {{}, {}}}};
  EXPECT_TRUE(page_data(report_page(runs_))["runs"][0]["readings"].empty());
}

TEST_F(Page, NamesTheBestCheckpointAndEvaluatesIt) {
  EXPECT_THAT(report_page(runs_), Not(HasSubstr("best checkpoint")));
  folder_.write("infini/best.json", R"({"step": 2, "metric": "loss", "value": 4.75})");
  runs_[0] = read_run(folder_.path() / "infini");
  const std::string page = report_page(runs_);
  EXPECT_THAT(page, HasSubstr(R"(<td data-column="best checkpoint">step 2 (loss 4.7500)</td>)"));
  EXPECT_THAT(page, HasSubstr("infini-again "));
  folder_.write("infini/best.json", R"({"step": 2)");
  EXPECT_THAT(read_run(folder_.path() / "infini").notes,
              testing::ElementsAre(HasSubstr("The best checkpoint is unknown: ")));
}

TEST_F(Page, SaysThatATestSetWasNotExpressed) {
  runs_[0].evaluation->unknown_tokens = 7;
  EXPECT_THAT(report_page(runs_), HasSubstr("infini: 7 of 123456 test tokens stand for text"));
}

TEST_F(Page, StaysSmallForALongRun) {
  const RecordedStep step = runs_[0].steps[0];
  for (int64_t i = 4; i < 20000; ++i) {
    runs_[0].steps.push_back(step);
    runs_[0].steps.back().step = i;
    runs_[0].steps.back().tokens = i * 1000;
  }
  const json run = page_data(report_page(runs_))["runs"][0];
  EXPECT_LE(run["training"].size(), 400u);
  EXPECT_LE(run["readings"]["gates"].size(), 100u);
  EXPECT_EQ(run["training"].back()[0], 19999);
  EXPECT_EQ(run["readings"]["gates"].back()[0], 19999);
}

TEST_F(Page, TextOfTheRunsCannotBecomeMarkup) {
  const std::string attack = "</script><script>alert(1)</script><b title=\"x\" class='y'>{{data}}&amp;";
  runs_[0].name = attack;
  runs_[0].sample = attack;
  runs_[0].configuration = attack;
  runs_[0].notes = {attack};
  runs_[0].folder = "runs/$(reboot) 'x'";
  const std::string page = report_page(runs_);
  EXPECT_EQ(occurrences(page, "<script"), 2u);
  EXPECT_EQ(occurrences(page, "</script>"), 2u);
  EXPECT_THAT(page, Not(HasSubstr("<b ")));
  EXPECT_THAT(page, HasSubstr("&lt;/script&gt;&lt;script&gt;alert(1)"));
  EXPECT_EQ(page_data(page)["runs"][0]["name"], attack);
  // The commands are safe to paste, too.
  EXPECT_THAT(page, HasSubstr(escape_html("infini train 'runs/$(reboot) '\\''x'\\''/config.yaml'")));
}

TEST_F(Page, TextThatIsNotUtf8IsReplacedNotRefused) {
  runs_[0].sample = "good \xC3\xA9 bad \xFF\xC3 bell \x07 end";
  runs_[0].name = "\xFE";
  const std::string page = report_page(runs_);
  EXPECT_THAT(page, HasSubstr("good é bad \uFFFD\uFFFD bell \uFFFD end"));
  EXPECT_THAT(page, Not(HasSubstr("\xFE")));
  EXPECT_EQ(page_data(page)["runs"][0]["name"], "\uFFFD");
}

TEST_F(Page, ARunWithNothingButItsConfigurationHasAPage) {
  folder_.write("bare/config.yaml", "name: bare\n");
  const std::string page = report_page({read_run(folder_.path() / "bare")});
  EXPECT_THAT(page, HasSubstr("bare has no test perplexity yet."));
  EXPECT_THAT(page, HasSubstr("<li>bare: metrics.jsonl is missing"));
  EXPECT_TRUE(page_data(page)["runs"][0]["training"].empty());
}

TEST_F(Page, IsWrittenWholeAndNothingElseIsLeft) {
  const auto file = folder_.path() / "out" / "page.html";
  folder_.write("out/page.html", "an older one");
  write_report(runs_, file);
  EXPECT_EQ(read_file(file), report_page(runs_));
  const std::filesystem::directory_iterator entries(folder_.path() / "out");
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
}

TEST_F(Page, APlaceThatCannotBeWrittenToIsAUserError) {
  EXPECT_THAT(user_error([&] { write_report(runs_, folder_.path() / "no such folder" / "page.html"); }),
              HasSubstr("No such file or directory; choose a place with --out FILE"));
  EXPECT_THAT(user_error([&] { write_report(runs_, folder_.path()); }), HasSubstr("is a folder; name a file"));
}

TEST(Template, ValuesAreNotSearchedForPlacesAgain) {
  EXPECT_EQ(fill_template("<{{a}}|{{b}}|{{a}}>", {{"a", "{{b}}"}, {"b", "}}x"}}), "<{{b}}|}}x|{{b}}>");
  EXPECT_THROW(fill_template("{{c}}", {{"a", ""}}), std::logic_error);
  EXPECT_THROW(fill_template("{{a", {{"a", ""}}), std::logic_error);
}

}  // namespace
}  // namespace infini::report
