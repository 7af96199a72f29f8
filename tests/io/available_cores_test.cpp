#include "io/available_cores.h"

#include <gmock/gmock.h>
#include <sched.h>
#include <unistd.h>

#include <thread>

#include "io/temporary_folder.h"

namespace infini {
namespace {

using ::testing::HasSubstr;

/// A folder that stands for /, where tests write control groups, and an environment without any limit.
class AvailableCoresTest : public ::testing::Test {
 protected:
  AvailableCoresTest() {
    for (const char* name : {"OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK", "OMP_PROC_BIND"}) unsetenv(name);
    if (available_cores(folder_.path()).count < 2) skipped_ = true;
  }
  ~AvailableCoresTest() override {
    for (const char* name : {"OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK", "OMP_PROC_BIND"}) unsetenv(name);
  }
  void SetUp() override {
    if (skipped_) GTEST_SKIP() << "needs two cores";
  }

  void write_group(const std::string& file, const std::string& text) {
    testing::write_text(folder_ / "sys/fs/cgroup" / file, text);
  }
  void write_groups_of_process(const std::string& text) { testing::write_text(folder_ / "proc/self/cgroup", text); }
  int64_t count() const { return available_cores(folder_.path()).count; }

  const int64_t machine_ = sysconf(_SC_NPROCESSORS_ONLN);

  testing::TemporaryFolder folder_;

 private:
  bool skipped_ = false;
};

TEST_F(AvailableCoresTest, AreThoseOfTheMachineWithoutALimit) {
  const AvailableCores cores = available_cores(folder_.path());
  EXPECT_GE(cores.count, 2);
  EXPECT_LE(cores.count, machine_);
  EXPECT_NE(cores.reason, "");
}

TEST_F(AvailableCoresTest, AreTheOnesThatTheProcessIsAllowedToRunOn) {
  AvailableCores cores;
  std::thread([&] {  // a thread's own mask, so that the other tests keep theirs
    cpu_set_t before, one;
    ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
    CPU_ZERO(&one);
    int core = 0;
    while (!CPU_ISSET(core, &before)) ++core;
    CPU_SET(core, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    cores = available_cores(folder_.path());
    setenv("OMP_PROC_BIND", "true", 1);  // OpenMP ties this thread itself
    EXPECT_EQ(count(), machine_);
  })
      .join();
  EXPECT_EQ(cores.count, 1);
  EXPECT_THAT(cores.reason, HasSubstr("may run on 1 of " + std::to_string(machine_)));
}

TEST_F(AvailableCoresTest, FollowTheEnvironment) {
  for (const char* name : {"OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK"}) {
    setenv(name, "1", 1);
    EXPECT_EQ(available_cores(folder_.path()).reason, std::string(name) + " is 1");
    EXPECT_EQ(count(), 1);
    unsetenv(name);
  }
  setenv("OMP_NUM_THREADS", "1,4", 1);  // one for each level of nested threads
  EXPECT_EQ(count(), 1);
}

TEST_F(AvailableCoresTest, IgnoreWhatIsNoNumberOrMoreThanThereAre) {
  const int64_t all = count();
  for (const char* value : {"", "0", "-1", "many", "1x", "1000000", "99999999999999999999"}) {
    setenv("OMP_NUM_THREADS", value, 1);
    EXPECT_EQ(count(), all) << value;
  }
}

TEST_F(AvailableCoresTest, FollowTheQuotaOfTheControlGroup) {
  write_groups_of_process("0::/job\n");
  write_group("job/cpu.max", "50000 100000\n");
  EXPECT_EQ(count(), 1);
  EXPECT_EQ(available_cores(folder_.path()).reason,
            "the control group's CPU quota is 0.50 of " + std::to_string(machine_) + " cores");
  write_group("job/cpu.max", "150000 100000\n");
  EXPECT_EQ(count(), 2);  // one and a half
  write_group("job/cpu.max", "max 100000\n");
  EXPECT_EQ(count(), available_cores("/nowhere").count);
}

TEST_F(AvailableCoresTest, FollowTheQuotaOfTheGroupsAbove) {
  write_groups_of_process("0::/slice/job\n");
  write_group("slice/cpu.max", "100000 100000\n");
  write_group("slice/job/cpu.max", "max 100000\n");
  EXPECT_EQ(count(), 1);
}

TEST_F(AvailableCoresTest, FindTheQuotaInAContainerThatSeesItsOwnGroupAsTheMount) {
  write_group("cpu.max", "100000 100000\n");
  for (const char* groups : {"0::/\n", "0::/not/mounted/here\n", "0::/../../outside\n"}) {
    write_groups_of_process(groups);
    EXPECT_EQ(count(), 1) << groups;
  }
}

TEST_F(AvailableCoresTest, FollowTheQuotaOfVersionOne) {
  for (const char* controllers : {"cpu", "cpu,cpuacct", "cpuacct,cpu"}) {
    write_groups_of_process("9:memory:/\n4:" + std::string(controllers) + ":/docker/a:b\n0::/\n");
    const std::string folder = std::string(controllers) + "/docker/a:b/";
    write_group(folder + "cpu.cfs_period_us", "100000\n");
    write_group(folder + "cpu.cfs_quota_us", "100000\n");
    EXPECT_EQ(count(), 1) << controllers;
    write_group(folder + "cpu.cfs_quota_us", "-1\n");
    EXPECT_EQ(count(), available_cores("/nowhere").count) << controllers;
  }
}

}  // namespace
}  // namespace infini
