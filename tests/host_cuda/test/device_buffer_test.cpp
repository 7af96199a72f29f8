#include "host_cuda/device_buffer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

namespace host_cuda {
namespace {

TEST(DeviceBuffer, holds_what_it_is_given) {
  EXPECT_EQ(DeviceBuffer<int>(std::vector<int>{1, 2, 3}).to_host(), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(DeviceBuffer<bool>(std::vector<bool>{true, false}).to_host(), (std::vector<bool>{true, false}));
}

TEST(DeviceBuffer, begins_as_NaN) {
  for (const float number : DeviceBuffer<float>(5).to_host()) EXPECT_TRUE(std::isnan(number));
}

TEST(DeviceBuffer, may_be_empty) { EXPECT_TRUE(DeviceBuffer<float>(0).to_host().empty()); }

TEST(DeviceBuffer, is_aligned_as_memory_of_a_device_is) {
  DeviceBuffer<char> odd(1), buffer(1);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(odd.data()) % 256, 0u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 256, 0u);
}

}  // namespace
}  // namespace host_cuda
