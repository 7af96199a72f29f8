#include "eval/needle_file.h"

#include <gmock/gmock.h>

#include "io/temporary_folder.h"
#include "log/error.h"

namespace infini {
namespace {

using ::testing::HasSubstr;

NeedleResult result(int64_t length, double depth, int64_t exact) {
  NeedleResult result{{length, depth, 20}, {}};
  result.outcome.exact = exact;
  result.outcome.evidence_share = {{0.5, 0.25}};
  return result;
}

TEST(NeedleFile, GoesOnBehindTheCellsThatItHolds) {
  const testing::TemporaryFolder folder;
  const auto path = folder.path() / "passkey.jsonl";
  const nlohmann::json settings = {{"seed", 1}};
  { NeedleFile(path, settings).append(result(1024, 0.5, 17)); }
  std::ofstream(path, std::ios::app) << "{\"length\":2048,\"dep";  // the process was killed while writing
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
  EXPECT_THAT(testing::read_text(path), ::testing::Not(HasSubstr("\"dep{")));
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
  EXPECT_EQ(testing::read_text(folder.path() / "other"), "text\n") << "left as it was";
  testing::write_text(folder.path() / "number", "{\"settings\": 3}\n");
  EXPECT_THROW(NeedleFile(folder.path() / "number", {{"seed", 1}}), UserError);
  std::ofstream(folder.path() / "note") << "{\"a\": 1}";
  EXPECT_THROW(NeedleFile(folder.path() / "note", {{"seed", 1}}), UserError);
  EXPECT_EQ(testing::read_text(folder.path() / "note"), "{\"a\": 1}") << "left as it was, though it has no line's end";
}

}  // namespace
}  // namespace infini
