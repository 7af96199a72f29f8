#include "host_cuda/plan.h"

#include <gtest/gtest.h>

#include "host_cuda/device_buffer.h"
#include "host_cuda/scheduler.h"
#include "host_cuda/test/execution_kernels.h"

namespace host_cuda {
namespace {

TEST(Plan, says_what_launches_ask_for_and_executes_none) {
  const auto launches = plan([] {
    launch_nothing(dim3(7, 2), dim3(32, 3), 1000);
    launch_votes(1, nullptr);
  });
  ASSERT_EQ(launches.size(), 2u);
  EXPECT_EQ(launches[0].kernel, "nothing");
  EXPECT_EQ(launches[0].grid.x * launches[0].grid.y * launches[0].grid.z, 14u);
  EXPECT_EQ(launches[0].block.x * launches[0].block.y * launches[0].block.z, 96u);
  EXPECT_EQ(launches[0].shared_bytes, 1000u);
  EXPECT_EQ(launches[1].kernel, "votes");
}

TEST(Plan, refuses_what_no_device_takes_and_is_over_then) {
  EXPECT_THROW(plan([] { launch_nothing({1}, {1025}, 0); }), KernelError);
  DeviceBuffer<int> out(40);
  launch_sum_over_partial_warp(out.data());
  EXPECT_EQ(out.to_host()[39], 36);
}

}  // namespace
}  // namespace host_cuda
