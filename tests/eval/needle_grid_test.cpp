#include "eval/needle_grid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "io/temporary_folder.h"
#include "log/error.h"

namespace infini {
namespace {

using ::testing::HasSubstr;

TEST(NeedleGrid, ReadsLengths) {
  EXPECT_EQ(parse_lengths("32K,1M,5000"), (std::vector<int64_t>{32768, 1048576, 5000}));
  for (const char* const wrong : {"", "32Q", "0", "-1K", "1.5K", "1K,,2K"})
    EXPECT_THROW(parse_lengths(wrong), UserError);
}

TEST(NeedleGrid, ReadsNames) {
  EXPECT_EQ(parse_names("grass,harbour"), (std::vector<std::string>{"grass", "harbour"}));
  EXPECT_TRUE(parse_names("").empty());
}

TEST(NeedleGrid, ReadsDepths) {
  const auto named = parse_depths("start,0.25,end");
  ASSERT_EQ(named.size(), 3u);
  EXPECT_EQ(named[0].name + named[1].name + named[2].name, "start0.25end");
  EXPECT_EQ(named[2].value, 1);
  const auto range = parse_depths("0:1:0.05");
  ASSERT_EQ(range.size(), 21u);
  EXPECT_EQ(range[3].name, "0.15");
  EXPECT_EQ(range[20].value, 1);
  for (const char* const wrong : {"", "begin", "1.5", "0:1:0", "1:0:0.1", "0:1"}) {
    EXPECT_THROW(parse_depths(wrong), UserError) << wrong;
  }
}

TEST(NeedleGrid, IntervalsAreWilsons) {
  // Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
  const auto expect = [](int64_t successes, int64_t trials, double low, double high) {
    const Interval interval = confidence_interval(successes, trials);
    EXPECT_NEAR(interval.low, low, 5e-5);
    EXPECT_NEAR(interval.high, high, 5e-5);
  };
  expect(81, 263, 0.2553, 0.3662);
  expect(15, 148, 0.0624, 0.1605);
  expect(0, 20, 0.0000, 0.1611);
  expect(1, 29, 0.0061, 0.1718);
}

NeedleResult result(int64_t length, double depth, int64_t exact) {
  NeedleResult result{{length, depth, 20}, {}};
  result.outcome.exact = exact;
  result.outcome.evidence_share = {{0.5, 0.25}};
  return result;
}

std::string content(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

TEST(NeedleFile, GoesOnBehindTheCellsThatItHolds) {
  const testing::TemporaryFolder folder;
  const auto path = folder.path() / "passkey.jsonl";
  const nlohmann::json settings = {{"seed", 1}};
  { NeedleFile(path, settings).append(result(1024, 0.5, 17)); }
  std::ofstream(path, std::ios::app) << "{\"length\":2048,\"dep";  // killed while it wrote
  {
    NeedleFile file(path, settings);
    ASSERT_TRUE(file.find({1024, 0.5, 20}));
    EXPECT_EQ(file.find({1024, 0.5, 20})->exact, 17);
    EXPECT_EQ(file.find({1024, 0.5, 20})->evidence_share, (std::vector<std::vector<double>>{{0.5, 0.25}}));
    EXPECT_FALSE(file.find({2048, 0.5, 20}));
    EXPECT_FALSE(file.find({1024, 0.5, 10})) << "other trials are another cell";
    file.append(result(2048, 0.5, 20));
  }
  EXPECT_EQ(NeedleFile(path, settings).find({2048, 0.5, 20})->exact, 20);
  EXPECT_THAT(content(path), ::testing::Not(HasSubstr("\"dep{")));
}

TEST(NeedleFile, RefusesOtherSettingsAndOtherFiles) {
  const testing::TemporaryFolder folder;
  const auto path = folder.path() / "passkey.jsonl";
  { NeedleFile file(path, {{"seed", 1}}); }
  try {
    NeedleFile file(path, {{"seed", 2}});
    FAIL() << "accepted";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("seed 1, not 2"));
  }
  std::ofstream(folder.path() / "other") << "text\n";
  EXPECT_THROW(NeedleFile(folder.path() / "other", {{"seed", 1}}), UserError);
  EXPECT_EQ(content(folder.path() / "other"), "text\n") << "left as it was";
  std::ofstream(folder.path() / "note") << "{\"a\": 1}";
  EXPECT_THROW(NeedleFile(folder.path() / "note", {{"seed", 1}}), UserError);
  EXPECT_EQ(content(folder.path() / "note"), "{\"a\": 1}") << "left as it was, though it has no line's end";
}

TEST(NeedleGrid, PrintsTheTableBesideThePapers) {
  std::vector<NeedleResult> results;
  for (const double depth : {0.0, 0.5, 1.0}) results.push_back(result(1 << 20, depth, 19));
  const std::string text = to_text(results, parse_depths("start,middle,end"), "linear");
  EXPECT_THAT(text, HasSubstr("start"));
  EXPECT_THAT(text, HasSubstr("1M      20      95 (76–99)     95 (76–99)     95 (76–99)     96 / 94 / 100"));
}

}  // namespace
}  // namespace infini
