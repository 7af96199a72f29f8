#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "host_cuda/device_buffer.h"
#include "host_cuda/scheduler.h"
#include "host_cuda/test/execution_kernels.h"

namespace host_cuda {
namespace {

std::vector<unsigned> order_of_threads(const Schedule& schedule, unsigned blocks, unsigned threads) {
  const ScopedSchedule scoped(schedule);
  DeviceBuffer<unsigned> count(std::vector<unsigned>{0}), out(blocks * threads);
  launch_order(blocks, threads, count.data(), out.data());
  return out.to_host();
}

TEST(Launch, numbers_blocks_and_threads_in_three_dimensions) {
  const dim3 grid(2, 3, 2), block(3, 4, 5);
  DeviceBuffer<unsigned> out(std::size_t{2 * 3 * 2} * 3 * 4 * 5 * 6);
  launch_indices(grid, block, out.data());
  std::vector<unsigned> expected;
  for (unsigned bz = 0; bz < grid.z; ++bz)
    for (unsigned by = 0; by < grid.y; ++by)
      for (unsigned bx = 0; bx < grid.x; ++bx)
        for (unsigned tz = 0; tz < block.z; ++tz)
          for (unsigned ty = 0; ty < block.y; ++ty)
            for (unsigned tx = 0; tx < block.x; ++tx)
              for (unsigned index : {bx, by, bz, tx, ty, tz}) expected.push_back(index);
  EXPECT_EQ(out.to_host(), expected);
}

TEST(Launch, refuses_what_no_device_takes) {
  EXPECT_NO_THROW(launch_nothing({1}, {1024}, 163 * 1024));
  EXPECT_THROW(launch_nothing({1}, {1025}, 0), KernelError);
  EXPECT_THROW(launch_nothing({1}, {0}, 0), KernelError);
  EXPECT_THROW(launch_nothing({0}, {1}, 0), KernelError);
  EXPECT_THROW(launch_nothing({1, 65536}, {1}, 0), KernelError);
  EXPECT_THROW(launch_nothing({1, 1, 65536}, {1}, 0), KernelError);
  EXPECT_THROW(launch_nothing({1}, {1}, 163 * 1024 + 1), KernelError);
}

TEST(Order, forward_and_reverse_are_what_they_say) {
  std::vector<unsigned> expected(2 * 80);
  std::iota(expected.begin(), expected.end(), 0u);
  EXPECT_EQ(order_of_threads({.order = Order::kForward}, 2, 80), expected);
  std::reverse(expected.begin(), expected.end());
  EXPECT_EQ(order_of_threads({.order = Order::kReverse}, 2, 80), expected);
}

TEST(Order, random_depends_on_the_seed_alone_and_leaves_no_thread_out) {
  const auto order = order_of_threads({.order = Order::kRandom, .seed = 1}, 3, 80);
  EXPECT_EQ(order, order_of_threads({.order = Order::kRandom, .seed = 1}, 3, 80));
  EXPECT_NE(order, order_of_threads({.order = Order::kRandom, .seed = 2}, 3, 80));
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  auto sorted = order;
  std::sort(sorted.begin(), sorted.end());
  std::vector<unsigned> all(3 * 80);
  std::iota(all.begin(), all.end(), 0u);
  EXPECT_EQ(sorted, all);
}

TEST(Warp, shuffles_within_parts_of_its_width) {
  on_every_schedule([] {
    for (const int width : {32, 8}) {
      for (const int argument : {0, 1, 3, 7}) {
        DeviceBuffer<int> out(4 * 32);
        launch_shuffles(argument, width, out.data());
        std::vector<int> expected(4 * 32);
        for (int lane = 0; lane < 32; ++lane) {
          const int part = lane / width * width, end = part + width;
          expected[lane] = 100 + part + argument;
          expected[32 + lane] = 100 + (lane ^ argument);
          expected[64 + lane] = 100 + (lane - argument >= part ? lane - argument : lane);
          expected[96 + lane] = 100 + (lane + argument < end ? lane + argument : lane);
        }
        EXPECT_EQ(out.to_host(), expected) << "argument " << argument << ", width " << width;
      }
    }
  });
}

TEST(Warp, of_fewer_lanes_sums_over_those) {
  on_every_schedule([] {
    DeviceBuffer<int> out(40);
    launch_sum_over_partial_warp(out.data());
    std::vector<int> expected(40, 32 * 33 / 2);
    std::fill(expected.begin() + 32, expected.end(), 8 * 9 / 2);
    EXPECT_EQ(out.to_host(), expected);
  });
}

TEST(Warp, votes) {
  on_every_schedule([] {
    for (const unsigned lanes : {0u, 1u, 0x80000001u, 0xffffffffu}) {
      DeviceBuffer<unsigned> out(3);
      launch_votes(lanes, out.data());
      EXPECT_EQ(out.to_host(), (std::vector<unsigned>{lanes, lanes != 0, lanes == 0xffffffffu}));
    }
  });
}

#ifndef HOST_CUDA_RACE  // where reading it is an error
TEST(SharedMemory, begins_as_NaN_in_each_block) {
  DeviceBuffer<float> out(std::vector<float>(4, 0.0f));
  launch_uninitialised(out.data());
  const auto words = out.to_host();
  for (std::size_t block = 0; block < 2; ++block) {
    EXPECT_TRUE(std::isnan(words[2 * block + 1])) << "dynamic, block " << block;
#ifndef __SANITIZE_ADDRESS__
    EXPECT_TRUE(std::isnan(words[2 * block])) << "static, block " << block;
#endif
  }
}
#endif

TEST(AsynchronousCopy, writes_zeros_in_place_of_the_last_bytes) {
  on_every_schedule([] {
    const DeviceBuffer<float> in(std::vector<float>{1, 2, 3, 4});
    DeviceBuffer<float> out(4);
    launch_copy_with_zeros(3, in.data(), out.data());
    EXPECT_EQ(out.to_host(), (std::vector<float>{1, 0, 0, 0}));
  });
}

TEST(AsynchronousCopy, is_waited_for_by_groups_the_oldest_first) {
  on_every_schedule([] {
    std::vector<float> numbers(12);
    std::iota(numbers.begin(), numbers.end(), 1.0f);
    for (int kept = 0; kept <= 3; ++kept) {
      const DeviceBuffer<float> in(numbers);
      DeviceBuffer<float> out(12);
      launch_groups_of_copies(kept, in.data(), out.data());
      const auto copied = out.to_host();
      EXPECT_TRUE(std::equal(copied.begin(), copied.begin() + 4 * (3 - kept), numbers.begin())) << kept;
    }
  });
}

TEST(Atomics, add_up_over_blocks_without_a_race) {
  on_every_schedule([] {
    const DeviceBuffer<float> in(std::vector<float>(200, 1.0f));
    DeviceBuffer<float> sum(std::vector<float>{5});
    launch_atomic_sum(200, in.data(), sum.data());
    EXPECT_EQ(sum.to_host(), std::vector<float>{205});
  });
}

}  // namespace
}  // namespace host_cuda
