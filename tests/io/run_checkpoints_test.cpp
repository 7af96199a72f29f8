#include "io/run_checkpoints.h"

#include <gmock/gmock.h>

#include <set>

#include "io/temporary_folder.h"
#include "log/error.h"

namespace infini {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::write_text;

class RunCheckpoints : public ::testing::Test {
 protected:
  testing::TemporaryFolder temporary_;
  std::filesystem::path folder_ = temporary_.path();
};

TEST_F(RunCheckpoints, ThoseOfARunAreSortedByStepAndNeverPartial) {
  EXPECT_TRUE(checkpoints_in(folder_).empty());
  EXPECT_TRUE(checkpoints_in(folder_ / "absent").empty());
  for (const char* const name :
       {"step-9", "step-10", ".step-11.partial", "step-12.damaged", "step-", "step-x", "best"}) {
    std::filesystem::create_directory(folder_ / name);
  }
  write_text(folder_ / "step-99", "a file");
  EXPECT_EQ(checkpoints_in(folder_),
            (std::map<int64_t, std::filesystem::path>{{9, folder_ / "step-9"}, {10, folder_ / "step-10"}}));
}

TEST_F(RunCheckpoints, OldOnesAndHalfWrittenOnesAreRemoved) {
  for (const char* const name :
       {"step-5", ".step-5.partial", "step-9", "step-10", "step-100", ".step-7.partial", "best", ".best.partial"}) {
    write_text(folder_ / name / "config.json", "{}");
  }
  remove_old_checkpoints(folder_, 2);
  std::set<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) left.insert(entry.path().filename());
  EXPECT_EQ(left, (std::set<std::string>{"step-10", "step-100", "best", ".best.partial"}));
  remove_old_checkpoints(folder_, 5);
  EXPECT_EQ(checkpoints_in(folder_).size(), 2u);
  remove_old_checkpoints(folder_ / "absent", 1);
}

TEST_F(RunCheckpoints, TheBestIsKeptBesideTheNewest) {
  for (const char* const name : {"step-1", "step-2", "step-3", "step-4"}) {
    write_text(folder_ / name / "config.json", "{}");
  }
  remove_old_checkpoints(folder_, 1, /*keep_step=*/2);
  EXPECT_EQ(checkpoints_in(folder_),
            (std::map<int64_t, std::filesystem::path>{{2, folder_ / "step-2"}, {4, folder_ / "step-4"}}));
}

TEST_F(RunCheckpoints, ARunStandsForItsBestOrElseItsNewest) {
  EXPECT_EQ(checkpoint_of(folder_), folder_) << "a checkpoint's own folder";
  const std::filesystem::path checkpoints = folder_ / "checkpoints";
  std::filesystem::create_directory(checkpoints);
  EXPECT_THAT(message_of<UserError>([&] { checkpoint_of(folder_); }), HasSubstr("has no checkpoint yet"));
  for (const char* const name : {"step-9", "step-10"}) write_text(checkpoints / name / "config.json", "{}");
  EXPECT_EQ(checkpoint_of(folder_), checkpoints / "step-10");
  set_best(folder_, BestCheckpoint{9, "loss", 1.5});
  EXPECT_EQ(checkpoint_of(folder_), checkpoints / "step-9");
  EXPECT_EQ(read_best(folder_)->metric, "loss");
  set_best(folder_, std::nullopt);
  EXPECT_EQ(checkpoint_of(folder_), checkpoints / "step-10");
  write_text(folder_ / "best.json", "{\"step\": \"nine\"}");
  EXPECT_THAT(message_of<UserError>([&] { checkpoint_of(folder_); }), HasSubstr("best.json: step must be an integer"));
}

}  // namespace
}  // namespace infini
