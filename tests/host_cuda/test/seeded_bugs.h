#pragma once

namespace host_cuda {

enum class Bug {
  kNone,
  kMissingBarrier,
  kMissingWarpBarrier,
  kBarrierOfOtherThreads,
  kOverwrittenBeforeRead,
  kOverwrittenAfterWarpBarrier,
  kMissingWait,
  kWaitForTooFewCopies,
  kRefilledBeforeRead,
  kSharedOutOfBounds,
  kDynamicSharedOutOfBounds,
  kGlobalReadOutOfBounds,
  kGlobalWriteOutOfBounds,
  kCopyOutOfBounds,
  kMisalignedVector,
  kMisalignedCopy,
  kMisalignedFragment,
  kOddLeadingDimension,
  kUninitialisedShared,
  kUninitialisedFragment,
  kIndexOverflow,
  kRaceThatGivesTheRightResult,
  kRaceOfBlocks,
  kNonAtomicSumInShared,
  kNonAtomicSumInGlobal,
  kDivergentBarrier,
  kBarrierSomeNeverReach,
  kShuffleFromOutsideTheMask,
  kShuffleByLanesOutsideTheMask,
  kMaskOfLanesThatDoNotCome,
  kDivergentShuffle,
  kFragmentOfHalfAWarp,
  kFragmentsOfDifferentAddresses,
};

inline constexpr int kSeededElements = 128;

/// out[i] = in[127 - i], two blocks of 64 outputs each by some way that can have the bug. Both hold kSeededElements
/// floats.
void launch_reverse(Bug bug, const float* in, float* out);

}  // namespace host_cuda
