#include <gmock/gmock.h>

#include "config/temporary_config.h"

namespace infini {
namespace {

using ::testing::HasSubstr;

using BaseConfig = WithConfigFile;

TEST_F(BaseConfig, IsWhatAConfigurationDiffersFrom) {
  write("base.yaml", "data: {path: x}\nsteps: 7\nbatch_rows: 5\n");
  const TrainConfig config = load("base: base.yaml\nsteps: 8\n", {"batch_rows=6"});
  EXPECT_EQ(config.data.path, "x");
  EXPECT_EQ(config.steps, 8);
  EXPECT_EQ(config.batch_rows, 6);
}

TEST_F(BaseConfig, IsWrittenIntoTheResolvedConfiguration) {
  write("base.yaml", "data: {path: x}\nsteps: 7\n");
  const TrainConfig config = load("base: base.yaml\n");
  const std::string yaml = to_yaml(config);
  EXPECT_THAT(yaml, HasSubstr("steps: 7"));
  EXPECT_THAT(yaml, ::testing::Not(HasSubstr("base")));
}

TEST_F(BaseConfig, MayHaveABaseInAnotherFolder) {
  write("shared/first.yaml", "data: {path: x}\nsteps: 1\nseed: 1\nbatch_rows: 1\n");
  write("second.yaml", "base: shared/first.yaml\nsteps: 2\nseed: 2\n");
  write("shared/third.yaml", "base: ../second.yaml\nsteps: 3\n");
  const TrainConfig config = load("base: shared/third.yaml\n");
  EXPECT_EQ(config.steps, 3);
  EXPECT_EQ(config.seed, 2);
  EXPECT_EQ(config.batch_rows, 1);
}

TEST_F(BaseConfig, IsNamedWhereTheValueAtFaultStandsThere) {
  write("base.yaml", "data: {path: x}\nmodel:\n  hidden_size: 64\n  head_dim: 33\n");
  EXPECT_EQ(error_of("base: base.yaml\n"), "base.yaml:4: model.head_dim must be even for the rotary embedding, is 33");
  write("base.yaml", "data: {path: x}\nstpes: 5\n");
  EXPECT_EQ(error_of("base: base.yaml\n"), "base.yaml:2: unknown key stpes; did you mean steps?");
}

TEST_F(BaseConfig, IsNotNamedWhereTheFileItselfMadeTheFault) {
  write("base.yaml", "data: {path: x}\nmodel:\n  memory:\n    segment_length: 128\n    update: linear\n");
  EXPECT_THAT(error_of("base: base.yaml\ntrain_length: 1000\n"),
              HasSubstr("a.yaml:2: train_length must be a multiple"));
  write("base.yaml", "data: {path: x}\ntrain_length: 1000\n");
  EXPECT_THAT(error_of("base: base.yaml\nmodel: {memory: {segment_length: 128, update: linear}}\n"),
              HasSubstr("a.yaml:2: train_length must be a multiple"));
}

TEST_F(BaseConfig, MustBeThere) {
  const std::string missing = error_of("steps: 1\nbase: absent.yaml\n");
  EXPECT_EQ(missing,
            "a.yaml:2: base is \"absent.yaml\", but there is no file absent.yaml; it is looked for beside the file "
            "that names it");
  EXPECT_EQ(error_of("base:\n"), "a.yaml:1: base must be a text, is nothing");
  EXPECT_EQ(error_of("base: [b.yaml]\n"), "a.yaml:1: base must be a text, is a list");
  EXPECT_THAT(error_of("data: {path: x}\n", {"base=b.yaml"}), HasSubstr("base is said in a file"));
}

TEST_F(BaseConfig, CannotLeadBackToItself) {
  EXPECT_EQ(error_of("base: ./a.yaml\n"),
            "a.yaml:1: base leads back to a.yaml; a configuration cannot begin from itself");
  write("b.yaml", "base: c.yaml\n");
  write("c.yaml", "\nbase: a.yaml\n");
  EXPECT_EQ(error_of("base: b.yaml\n"),
            "c.yaml:2: base leads back to a.yaml; a configuration cannot begin from itself");
}

}  // namespace
}  // namespace infini
