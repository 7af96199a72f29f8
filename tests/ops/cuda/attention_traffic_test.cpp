// What each launch of attention and of its gradient moves, against what it has to: 32-byte sectors that a launch
// touches, which is what passes between DRAM and an L2 cache that holds everything, at a size at which that is rows,
// not states. The figures beside them (requests to L2, bank conflicts, launches) are recorded as properties of each
// test, which scripts/kernel_report.py reads from --gtest_output=json.

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <type_traits>
#include <vector>

#include "host_cuda/plan.h"
#include "host_cuda/race/traffic.h"
#include "host_cuda/schedule.h"
#include "ops/cuda/attention_steps.h"

namespace infini::ops::cuda {
namespace {

constexpr int64_t kSectorBytes = 32;

struct Bound {
  const char* step;
  /// The most bytes for each that is needed.
  double ratio;
};
constexpr double kForward = 1.05, kBackward = 1.15;
constexpr Bound kBounds[] = {
    {"rotate", kForward},
    {"linear_update", kForward},
    {"linear_state_scan", kForward},
    {"delta_written_norm", kForward},
    {"delta_norm_scan", kForward},
    {"delta_update", kForward},
    {"delta_state_scan", kForward},
    {"retrieve", kForward},
    {"retrieve_backward", kBackward},
    {"linear_memory_scan_backward", kBackward},
    {"linear_norm_scan_backward", kBackward},
    {"delta_memory_scan_backward", kBackward},
    {"delta_coupling", kBackward},
    {"delta_norm_backward", kBackward},
    {"delta_norm_scan_backward", kBackward},
    {"linear_update_backward", kBackward},
    {"delta_update_backward", kBackward},
    {"rotate_backward", kBackward},
};

/// What a block has on compute capability 8.6, 8.9 and 12.0: a GeForce RTX 30, 40 and 50.
constexpr size_t kLeastSharedMemory = 101376;

template <typename T>
void expect_launches_fit(const char* type) {
  const host_cuda::ScopedSharedMemoryLimit limit(kLeastSharedMemory);
  for (const int64_t D : {64, 128}) {
    for (const int64_t E : {64, 128}) {
      const Extents x{
          .batch = 1, .heads = 2, .groups = 1, .tokens = 256, .segment_length = 128, .key_width = D, .value_width = E};
      AttentionSteps<T> attention(x);
      for (const Step& step : attention.all()) {
        const bool composed = step.name == "delta_update_backward" && !update_backward_fits<T>(x, true);
        EXPECT_TRUE(!composed || (std::is_same_v<T, float> && D == 128)) << type << " " << D << "x" << E;
        if (composed) continue;
        EXPECT_NO_THROW(host_cuda::plan(step.launch)) << step.name << ", " << type << " " << D << "x" << E;
      }
    }
  }
}

TEST(SharedMemory, EveryLaunchFitsIntoTheSmallestDeviceOrIsLeftToTheComposition) {
  expect_launches_fit<float>("float");
  expect_launches_fit<__nv_bfloat16>("bfloat16");
  expect_launches_fit<__half>("half");
}

Extents extents(int64_t heads, int64_t tokens) {
  return {.batch = 1,
          .heads = heads,
          .groups = heads,
          .tokens = tokens,
          .segment_length = 2048,
          .key_width = 128,
          .value_width = 128};
}

void record_needs(const std::string& prefix, const Needs& needs) {
  const auto record = [&](const char* what, int64_t value) {
    ::testing::Test::RecordProperty(prefix + what, std::to_string(value));
  };
  record("needed_bytes", needs.read + needs.written);
  record("needed_bytes_of_pieces", needs.of_pieces);
  record("needed_operations", needs.operations);
  record("needed_state_operations", needs.state_operations);
}

class AttentionTraffic : public ::testing::TestWithParam<Bound> {};

TEST_P(AttentionTraffic, is_little_more_than_what_is_needed) {
  AttentionSteps<__nv_bfloat16> attention(extents(1, 4096));
  const auto steps = attention.all();
  const auto step =
      std::find_if(steps.begin(), steps.end(), [](const Step& step) { return step.name == GetParam().step; });
  ASSERT_NE(step, steps.end());
  const host_cuda::Traffic traffic = host_cuda::measure(step->launch);
  const auto bytes = [](uint64_t sectors) { return static_cast<int64_t>(sectors) * kSectorBytes; };
  const int64_t read = bytes(traffic.read.distinct_sectors), written = bytes(traffic.written.distinct_sectors);

  record_needs("", step->needs);
  const auto record = [](const char* what, auto value) { RecordProperty(what, std::to_string(value)); };
  record("moved_bytes", read + written);
  record("requested_bytes", bytes(traffic.read.sectors + traffic.written.sectors));
  record("shared_requests", traffic.shared_read.requests + traffic.shared_written.requests);
  record("bank_conflicts", traffic.shared_read.bank_conflicts + traffic.shared_written.bank_conflicts);

  const auto most = [](int64_t needed) { return GetParam().ratio * static_cast<double>(needed); };
  EXPECT_LE(static_cast<double>(read), most(step->needs.read));
  EXPECT_LE(static_cast<double>(written), most(step->needs.written));
  EXPECT_GE(read + written, step->needs.read + step->needs.written) << "something that is needed was left out";
}

INSTANTIATE_TEST_SUITE_P(Of, AttentionTraffic, ::testing::ValuesIn(kBounds),
                         [](const auto& bound) { return std::string(bound.param.step); });

template <typename T>
class AttentionLaunches : public ::testing::Test {};
struct TypeName {
  template <typename T>
  static std::string GetName(int) {
    return std::is_same_v<T, float> ? "float" : std::is_same_v<T, __half> ? "__half" : "__nv_bfloat16";
  }
};
using Types = ::testing::Types<__nv_bfloat16, __half, float>;
TYPED_TEST_SUITE(AttentionLaunches, Types, TypeName);

/// Blocks that can be at work on a multiprocessor at once. Of float, the two matrices of 128 x 128 that the delta
/// rule's gradient is multiplied by leave room for one alone.
template <typename T>
size_t least_blocks_at_once(const Step& step) {
  return std::is_same_v<T, float> && step.name == "delta_update_backward" ? 1 : 2;
}

std::string described(const host_cuda::Launch& launch) {
  return std::to_string(launch.grid.x) + " " + std::to_string(launch.block.x) + " " +
         std::to_string(launch.shared_bytes) + " " + launch.kernel;
}

/// Of the delta rule's gradient in 128 x 128; what does not fit is composed of ATen's ops.
template <typename T>
bool fits_into_least() {
  const host_cuda::ScopedSharedMemoryLimit limit(kLeastSharedMemory);
  return update_backward_fits<T>(extents(1, 2048), true);
}

// Of what passes over tokens: two blocks for each of an H100's multiprocessors, in number and, as far as shared memory
// goes, at once.
TYPED_TEST(AttentionLaunches, fill_an_h100_at_32768_tokens_and_8_heads) {
  constexpr unsigned multiprocessors = 132;
  constexpr size_t shared_bytes_of_a_multiprocessor = 228 * 1024, reserved_for_each_block = 1024;
  AttentionSteps<TypeParam> attention(extents(8, 32768));
  for (const Step& step : attention.all()) {
    record_needs(step.name + ".", step.needs);
    const auto launches = host_cuda::plan(step.launch);
    ASSERT_EQ(launches.size(), 1u) << step.name;
    const auto& [kernel, grid, block, shared_bytes] = launches[0];
    ::testing::Test::RecordProperty(step.name + ".launch", described(launches[0]));
    if (step.name != "delta_update_backward" || fits_into_least<TypeParam>()) {
      const host_cuda::ScopedSharedMemoryLimit limit(kLeastSharedMemory);
      ::testing::Test::RecordProperty(step.name + ".small_launch", described(host_cuda::plan(step.launch).at(0)));
    }
    const bool is_on_states_alone = step.name.find("scan") != std::string::npos;
    if (is_on_states_alone) continue;
    EXPECT_GE(grid.x, 2 * multiprocessors) << step.name;
    EXPECT_LE(least_blocks_at_once<TypeParam>(step) * (shared_bytes + reserved_for_each_block),
              shared_bytes_of_a_multiprocessor)
        << step.name;
  }
}

}  // namespace
}  // namespace infini::ops::cuda
