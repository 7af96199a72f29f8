// Each bug must be found by the builds that are said to find it, and the same kernels without bugs by none.

#include "host_cuda/test/seeded_bugs.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "host_cuda/device_buffer.h"
#include "host_cuda/scheduler.h"

namespace host_cuda {
namespace {

std::vector<float> inputs() {
  std::vector<float> numbers(kSeededElements);
  std::iota(numbers.begin(), numbers.end(), 1.0f);
  return numbers;
}

/// Whether the launch reverses its input.
bool right_result(Bug bug) {
  const DeviceBuffer<float> in(inputs());
  DeviceBuffer<float> out(kSeededElements);
  launch_reverse(bug, in.data(), out.data());
  const auto expected = inputs();
  return out.to_host() == std::vector<float>(expected.rbegin(), expected.rend());
}

/// How a build finds a bug.
enum class Found {
  kNot,
  /// The launch throws, in every order of threads.
  kThrows,
  /// The result is wrong in one order of threads at least.
  kResult,
  /// A sanitizer ends the process.
  kDeath,
};

struct Seeded {
  Bug bug;
  const char* name;
  Found plain, sanitized, race;
};

#ifdef HOST_CUDA_RACE
constexpr Found Seeded::*this_build = &Seeded::race;
#elif defined(__SANITIZE_ADDRESS__)
constexpr Found Seeded::*this_build = &Seeded::sanitized;
#else
constexpr Found Seeded::*this_build = &Seeded::plain;
#endif

constexpr auto kNot = Found::kNot, kThrows = Found::kThrows, kResult = Found::kResult, kDeath = Found::kDeath;

constexpr Seeded seeded_bugs[] = {
    //                                                                              plain    sanitized race
    {Bug::kMissingBarrier, "missing_barrier", kResult, kResult, kThrows},
    {Bug::kMissingWarpBarrier, "missing_warp_barrier", kResult, kResult, kThrows},
    {Bug::kBarrierOfOtherThreads, "warp_barrier_where_the_block_has_to_wait", kResult, kResult, kThrows},
    {Bug::kOverwrittenBeforeRead, "overwritten_before_all_have_read", kResult, kResult, kThrows},
    {Bug::kOverwrittenAfterWarpBarrier, "overwritten_before_other_warps_have_read", kResult, kResult, kThrows},
    {Bug::kMissingWait, "missing_wait_for_copies", kResult, kResult, kThrows},
    {Bug::kWaitForTooFewCopies, "wait_for_too_few_copies", kResult, kResult, kThrows},
    {Bug::kRefilledBeforeRead, "copy_into_what_others_still_read", kResult, kResult, kThrows},
    {Bug::kSharedOutOfBounds, "static_shared_memory_out_of_bounds", kNot, kDeath, kNot},
    {Bug::kDynamicSharedOutOfBounds, "dynamic_shared_memory_out_of_bounds", kNot, kDeath, kNot},
    {Bug::kGlobalReadOutOfBounds, "global_read_out_of_bounds", kNot, kDeath, kNot},
    {Bug::kGlobalWriteOutOfBounds, "global_write_out_of_bounds", kNot, kDeath, kNot},
    {Bug::kCopyOutOfBounds, "asynchronous_copy_out_of_bounds", kNot, kDeath, kNot},
    {Bug::kMisalignedVector, "misaligned_vector", kNot, kDeath, kNot},
    {Bug::kMisalignedCopy, "misaligned_asynchronous_copy", kThrows, kThrows, kThrows},
    {Bug::kMisalignedFragment, "misaligned_fragment", kThrows, kThrows, kThrows},
    {Bug::kOddLeadingDimension, "odd_leading_dimension_of_a_fragment", kThrows, kThrows, kThrows},
    {Bug::kUninitialisedShared, "uninitialised_shared_memory", kResult, kNot, kThrows},
    {Bug::kUninitialisedFragment, "uninitialised_fragment", kResult, kResult, kResult},
    {Bug::kIndexOverflow, "overflow_of_an_index", kNot, kDeath, kNot},
    {Bug::kRaceThatGivesTheRightResult, "race_that_gives_the_right_result", kNot, kNot, kThrows},
    {Bug::kRaceOfBlocks, "race_of_blocks", kNot, kNot, kThrows},
    {Bug::kNonAtomicSumInShared, "non_atomic_sum_in_shared_memory", kNot, kNot, kThrows},
    {Bug::kNonAtomicSumInGlobal, "non_atomic_sum_in_global_memory", kNot, kNot, kThrows},
    {Bug::kDivergentBarrier, "divergent_barrier", kThrows, kThrows, kThrows},
    {Bug::kBarrierSomeNeverReach, "barrier_that_some_threads_never_reach", kThrows, kThrows, kThrows},
    {Bug::kShuffleFromOutsideTheMask, "shuffle_from_a_lane_outside_the_mask", kThrows, kThrows, kThrows},
    {Bug::kShuffleByLanesOutsideTheMask, "shuffle_by_lanes_outside_the_mask", kThrows, kThrows, kThrows},
    {Bug::kMaskOfLanesThatDoNotCome, "mask_of_lanes_that_do_not_come", kThrows, kThrows, kThrows},
    {Bug::kDivergentShuffle, "divergent_shuffle", kThrows, kThrows, kThrows},
    {Bug::kFragmentOfHalfAWarp, "fragment_of_half_a_warp", kThrows, kThrows, kThrows},
    {Bug::kFragmentsOfDifferentAddresses, "fragment_at_different_addresses", kThrows, kThrows, kThrows},
};

class SeededBug : public ::testing::TestWithParam<Seeded> {};

TEST_P(SeededBug, is_found) {
  const Seeded& seeded = GetParam();
  bool all_right = true;
  switch (seeded.*this_build) {
    case Found::kNot:
      GTEST_SKIP() << "another build finds it";
    case Found::kThrows:
      on_every_schedule([&] { EXPECT_THROW(right_result(seeded.bug), KernelError); });
      return;
    case Found::kResult:
      on_every_schedule([&] { all_right &= right_result(seeded.bug); });
      EXPECT_FALSE(all_right);
      return;
    case Found::kDeath:
      EXPECT_DEATH(right_result(seeded.bug), "AddressSanitizer|runtime error");
  }
}

INSTANTIATE_TEST_SUITE_P(HostCuda, SeededBug, ::testing::ValuesIn(seeded_bugs),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(KernelsWithoutBugs, are_right_in_every_order) {
  on_every_schedule([] { EXPECT_TRUE(right_result(Bug::kNone)); });
}

TEST(KernelError, says_which_kernel_which_thread_and_where) {
  try {
    right_result(Bug::kShuffleFromOutsideTheMask);
    FAIL() << "nothing was found";
  } catch (const KernelError& error) {
    const std::string text = error.what();
    for (const char* part : {"block (0, 0, 0), thread (", "outside the mask", "seeded_bugs.cu:"}) {
      EXPECT_NE(text.find(part), std::string::npos) << text;
    }
  }
}

TEST(KernelError, leaves_the_next_launch_as_it_would_be) {
  EXPECT_THROW(right_result(Bug::kBarrierSomeNeverReach), KernelError);
  EXPECT_TRUE(right_result(Bug::kNone));
}

#ifndef HOST_CUDA_RACE
bool right_without_a_wait(Landing landing) {
  const ScopedSchedule scoped({.landing = landing});
  return right_result(Bug::kMissingWait);
}

TEST(Landing, is_at_once_at_the_wait_or_now_this_now_that) {
  EXPECT_TRUE(right_without_a_wait(Landing::kEarly));
  EXPECT_FALSE(right_without_a_wait(Landing::kLate));
  EXPECT_FALSE(right_without_a_wait(Landing::kRandom));
}
#endif

#ifdef HOST_CUDA_RACE
TEST(KernelError, names_both_sides_of_a_race) {
  try {
    right_result(Bug::kMissingBarrier);
    FAIL() << "nothing was found";
  } catch (const KernelError& error) {
    const std::string text = error.what();
    const auto first = text.find("seeded_bugs.cu:");
    ASSERT_NE(first, std::string::npos) << text;
    EXPECT_NE(text.find("seeded_bugs.cu:", first + 1), std::string::npos) << text;
  }
}
#endif

}  // namespace
}  // namespace host_cuda
