#include "host_cuda/race/traffic.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "host_cuda/device_buffer.h"
#include "host_cuda/test/traffic_kernels.h"

namespace host_cuda {
namespace {

constexpr std::size_t kFloats = 32 * 40;

/// Buffers to copy between; the first is initialised.
class Traffics : public ::testing::Test {
 protected:
  DeviceBuffer<float> in_{std::vector<float>(kFloats, 1.0f)}, out_{kFloats};
};

void expect_global(const GlobalTraffic& actual, const GlobalTraffic& expected) {
  EXPECT_EQ(actual.bytes, expected.bytes);
  EXPECT_EQ(actual.requests, expected.requests);
  EXPECT_EQ(actual.sectors, expected.sectors);
  EXPECT_EQ(actual.distinct_sectors, expected.distinct_sectors);
}

TEST_F(Traffics, of_neighbouring_threads_is_whole_sectors) {
  const Traffic traffic = measure([&] { launch_strided_copy(128, 1, 0, in_.data(), out_.data()); });
  const GlobalTraffic expected{.bytes = 512, .requests = 4, .sectors = 16, .distinct_sectors = 16};
  expect_global(traffic.read, expected);
  expect_global(traffic.written, expected);
}

TEST_F(Traffics, of_scattered_threads_is_a_sector_each) {
  const Traffic traffic = measure([&] { launch_strided_copy(32, 8, 0, in_.data(), out_.data()); });
  expect_global(traffic.read, {.bytes = 128, .requests = 1, .sectors = 32, .distinct_sectors = 32});
}

TEST_F(Traffics, off_a_sectors_begin_takes_one_more_of_each_warp) {
  const Traffic traffic = measure([&] { launch_strided_copy(64, 1, 3, in_.data(), out_.data()); });
  expect_global(traffic.read, {.bytes = 256, .requests = 2, .sectors = 10, .distinct_sectors = 9});
  expect_global(traffic.written, {.bytes = 256, .requests = 2, .sectors = 8, .distinct_sectors = 8});
}

TEST_F(Traffics, of_blocks_that_read_the_same_is_requested_anew_but_distinct_once) {
  const Traffic traffic = measure([&] { launch_same_reads(5, in_.data(), out_.data()); });
  expect_global(traffic.read, {.bytes = 640, .requests = 5, .sectors = 20, .distinct_sectors = 4});
  expect_global(traffic.written, {.bytes = 640, .requests = 5, .sectors = 20, .distinct_sectors = 20});
}

TEST_F(Traffics, of_a_vector_is_one_request) {
  const GlobalTraffic expected{.bytes = 512, .requests = 1, .sectors = 16, .distinct_sectors = 16};
  const Traffic traffic = measure([&] { launch_vector_copy(in_.data(), out_.data()); });
  expect_global(traffic.read, expected);
  expect_global(traffic.written, expected);
  expect_global(measure([&] { launch_asynchronous_copy(in_.data(), out_.data()); }).read, expected);
}

TEST_F(Traffics, of_one_lane_is_a_sector) {
  const Traffic traffic = measure([&] { launch_single_copy(in_.data(), out_.data()); });
  expect_global(traffic.read, {.bytes = 4, .requests = 1, .sectors = 1, .distinct_sectors = 1});
  expect_global(traffic.written, {.bytes = 4, .requests = 1, .sectors = 1, .distinct_sectors = 1});
}

TEST_F(Traffics, of_several_launches_adds_up) {
  const Traffic traffic = measure([&] {
    launch_vector_copy(in_.data(), out_.data());
    launch_vector_copy(in_.data(), out_.data());
  });
  expect_global(traffic.read, {.bytes = 1024, .requests = 2, .sectors = 32, .distinct_sectors = 32});
}

TEST_F(Traffics, leaves_out_what_threads_keep_to_themselves) {
  Arguments arguments{in_.data(), out_.data(), {}};
  std::iota(std::begin(arguments.values), std::end(arguments.values), 1);
  const Traffic traffic = measure([&] { launch_own_memory(arguments); });
  expect_global(traffic.read, {.bytes = 128, .requests = 1, .sectors = 4, .distinct_sectors = 4});
  expect_global(traffic.written, {.bytes = 128, .requests = 1, .sectors = 4, .distinct_sectors = 4});
  EXPECT_EQ(traffic.shared_read.requests, 0u);
  EXPECT_EQ(out_.to_host()[3], 78.0f);
}

TEST_F(Traffics, leaves_out_the_harness_itself) {
  const Traffic traffic = measure([&] { launch_busy_copy(in_.data(), out_.data()); });
  expect_global(traffic.read, {.bytes = 128, .requests = 1, .sectors = 4, .distinct_sectors = 4});
  expect_global(traffic.written, {.bytes = 128, .requests = 1, .sectors = 4, .distinct_sectors = 4});
  EXPECT_EQ(traffic.shared_read.requests, 0u);
  EXPECT_EQ(traffic.shared_written.requests, 0u);
  EXPECT_EQ(out_.to_host()[3], 1.0f);
}

TEST_F(Traffics, of_an_atomic_goes_both_ways) {
  const Traffic traffic = measure([&] { launch_atomic_counts(in_.data()); });
  expect_global(traffic.read, {.bytes = 128, .requests = 1, .sectors = 1, .distinct_sectors = 1});
  expect_global(traffic.written, {.bytes = 128, .requests = 1, .sectors = 1, .distinct_sectors = 1});
}

TEST_F(Traffics, does_not_depend_on_the_order_of_threads) {
  on_every_schedule([&] {
    const Traffic traffic = measure([&] { launch_same_reads(5, in_.data(), out_.data()); });
    expect_global(traffic.read, {.bytes = 640, .requests = 5, .sectors = 20, .distinct_sectors = 4});
  });
}

TEST_F(Traffics, in_shared_memory_conflicts_where_words_share_a_bank) {
  const auto conflicts = [&](int stride) {
    const Traffic traffic = measure([&] { launch_shared_stride(stride, in_.data(), out_.data()); });
    EXPECT_EQ(traffic.shared_read.requests, 1u);
    EXPECT_EQ(traffic.shared_written.requests, 1u);
    EXPECT_EQ(traffic.shared_read.bank_conflicts, traffic.shared_written.bank_conflicts);
    return traffic.shared_read.bank_conflicts;
  };
  EXPECT_EQ(conflicts(1), 0u);
  EXPECT_EQ(conflicts(2), 1u);
  EXPECT_EQ(conflicts(8), 7u);
  EXPECT_EQ(conflicts(32), 31u);
  EXPECT_EQ(conflicts(33), 0u);
}

TEST_F(Traffics, in_shared_memory_by_vectors_side_by_side_has_no_conflicts) {
  const Traffic traffic = measure([&] { launch_shared_vectors(in_.data(), out_.data()); });
  EXPECT_EQ(traffic.shared_read.requests, 1u);
  EXPECT_EQ(traffic.shared_read.bank_conflicts, 0u);
  EXPECT_EQ(traffic.shared_written.bank_conflicts, 0u);
}

TEST_F(Traffics, of_a_fragment_conflicts_unless_rows_are_padded) {
  const auto conflicts = [&](unsigned stride) {
    return measure([&] { launch_fragment_load(stride, out_.data()); }).shared_read.bank_conflicts;
  };
  EXPECT_EQ(conflicts(64), 4 * 7u) << "eight rows, 128 bytes apart, begin at the same bank, in each of four parts";
  EXPECT_EQ(conflicts(64 + 8), 0u);
}

}  // namespace
}  // namespace host_cuda
