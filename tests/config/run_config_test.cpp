#include "config/run_config.h"

#include <gmock/gmock.h>

#include "config/temporary_config.h"

namespace infini {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class RunConfig : public WithConfigFile {
 protected:
  /// The warnings if a run that has done `steps_done` steps is started with this configuration.
  std::string said(const TrainConfig& config, int64_t steps_done) const {
    ::testing::internal::CaptureStderr();
    write_run_config(folder_, config, steps_done);
    return ::testing::internal::GetCapturedStderr();
  }
  TrainConfig kept(const std::string& file) const { return load_train_config(folder_ / file, {}); }

  TrainConfig config_ = load("data:\n  path: /data\nsteps: 10\n");
};

TEST_F(RunConfig, IsEnoughToRunAgain) {
  EXPECT_EQ(said(config_, 0), "");
  EXPECT_EQ(to_yaml(kept("config.yaml")), to_yaml(config_));
}

TEST_F(RunConfig, AResumedRunSaysWhatChangedAndKeepsWhatWasBefore) {
  write_run_config(folder_, config_, 0);
  TrainConfig changed = config_;
  changed.steps = 20;
  changed.optimizer.learning_rate = 0.5;
  changed.parameters.push_back({.match = "*.mlp.*", .trainable = false});
  const std::string lines = said(changed, 7);
  EXPECT_THAT(lines, HasSubstr("warning: steps was 10 in this run so far; from here on it is 20"));
  EXPECT_THAT(lines, HasSubstr("warning: optimizer.learning_rate was 0.001 in this run so far"));
  EXPECT_THAT(lines, HasSubstr("warning: parameters was another table"));
  EXPECT_THAT(lines, Not(HasSubstr("seed")));
  EXPECT_THAT(lines, Not(HasSubstr("output_folder"))) << "a relative path is the same as the absolute one";
  EXPECT_EQ(kept("config.yaml").steps, 20);
  EXPECT_EQ(kept("config-until-step-7.yaml").steps, 10);
}

TEST_F(RunConfig, KeepsWhatTheStepsWereDoneWithAlsoAfterAStartThatDidNone) {
  write_run_config(folder_, config_, 0);
  TrainConfig second = config_, third = config_;
  second.steps = 20;
  third.steps = 30;
  said(second, 7);
  EXPECT_THAT(said(third, 7), HasSubstr("steps was 10 in this run so far; from here on it is 30"));
  EXPECT_EQ(kept("config-until-step-7.yaml").steps, 10);
}

TEST_F(RunConfig, WithoutAChangeNothingIsSaidOrKept) {
  write_run_config(folder_, config_, 0);
  EXPECT_EQ(said(config_, 7), "");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "config-until-step-7.yaml"));
}

}  // namespace
}  // namespace infini
