#include <cstdint>

#include "host_cuda/host_cuda.h"
#include "host_cuda/test/seeded_bugs.h"

namespace host_cuda {
namespace {

constexpr int kThreads = 64;

/// Where the block's outputs begin; their inputs are the same number from the other end.
__device__ int first_output() { return static_cast<int>(blockIdx.x) * kThreads; }
__device__ int first_input() { return kSeededElements - kThreads - first_output(); }

/// Not inlined, so that nobody can tell beforehand how long the array is.
__device__ __noinline__ void write(float* array, int at, float value) { array[at] = value; }

/// Through shared memory: each thread writes one element and reads another thread's.
__global__ void through_shared(Bug bug, const float* in, float* out) {
  __shared__ float block_in[kThreads];
  const int i = static_cast<int>(threadIdx.x), last = kThreads - 1;
  const int too_far = bug == Bug::kSharedOutOfBounds && i == last ? 1 : 0;
  if (bug != Bug::kUninitialisedShared || i != 5) write(block_in, i + too_far, in[first_input() + i]);
  if (bug == Bug::kDivergentBarrier) {
    if (i < kThreads / 2) {
      __syncthreads();
    } else {
      __syncthreads();
    }
  } else if (bug == Bug::kBarrierSomeNeverReach) {
    if (i == 7) return;
    __syncthreads();
  } else if (bug == Bug::kBarrierOfOtherThreads) {
    __syncwarp();  // the element that is read is another warp's
  } else if (bug != Bug::kMissingBarrier) {
    __syncthreads();
  }
  out[first_output() + i] = block_in[last - i];
}

/// Twice through the same shared memory, the first time for nothing.
__global__ void twice_through_shared(Bug bug, const float* in, float* out) {
  __shared__ float block_in[kThreads];
  const int i = static_cast<int>(threadIdx.x), last = kThreads - 1;
  block_in[i] = in[first_output() + i];
  __syncthreads();
  const float first = block_in[last - i];
  if (bug == Bug::kOverwrittenAfterWarpBarrier) {
    __syncwarp();
  } else if (bug != Bug::kOverwrittenBeforeRead) {
    __syncthreads();
  }
  block_in[i] = in[first_input() + i];
  __syncthreads();
  const float right_first = in[first_output() + last - i];
  out[first_output() + i] = first == right_first ? block_in[last - i] : NAN;
}

__global__ void through_dynamic_shared(Bug bug, const float* in, float* out) {
  INFINI_DYNAMIC_SHARED(float, block_in);
  const int i = static_cast<int>(threadIdx.x), last = kThreads - 1;
  block_in[i + (bug == Bug::kDynamicSharedOutOfBounds && i == last ? 1 : 0)] = in[first_input() + i];
  __syncthreads();
  out[first_output() + i] = block_in[last - i];
}

/// Each warp reverses what it itself read, and writes it to where the other half's belongs.
__global__ void through_warps(Bug bug, const float* in, float* out) {
  __shared__ float block_in[kThreads];
  const int i = static_cast<int>(threadIdx.x), lane = i % 32, warp = i / 32;
  block_in[i] = in[first_input() + i];
  if (bug != Bug::kMissingWarpBarrier) __syncwarp();
  out[first_output() + (1 - warp) * 32 + lane] = block_in[warp * 32 + 31 - lane];
}

__global__ void through_shuffles(Bug bug, const float* in, float* out) {
  const int i = static_cast<int>(threadIdx.x), lane = i % 32, warp = i / 32;
  const float own = in[first_input() + i];
  float reversed = own;
  if (bug == Bug::kShuffleFromOutsideTheMask) {
    reversed = __shfl_sync(lane < 16 ? 0x0000ffffu : 0xffff0000u, own, 31 - lane);
  } else if (bug == Bug::kShuffleByLanesOutsideTheMask) {
    reversed = __shfl_sync(0x0000ffffu, own, 15 - lane % 16);
  } else if (bug == Bug::kMaskOfLanesThatDoNotCome) {
    if (lane < 16) reversed = __shfl_sync(0xffffffffu, own, 31 - lane);
  } else if (bug == Bug::kDivergentShuffle) {
    if (lane < 16) {
      reversed = __shfl_sync(0xffffffffu, own, 31 - lane);
    } else {
      reversed = __shfl_sync(0xffffffffu, own, 31 - lane);
    }
  } else {
    reversed = __shfl_xor_sync(0xffffffffu, own, 31);
  }
  out[first_output() + (1 - warp) * 32 + lane] = reversed;
}

/// Straight from global to global memory.
__global__ void straight(Bug bug, const float* in, float* out) {
  const int i = static_cast<int>(threadIdx.x) + first_output();
  const bool last = i == kSeededElements - 1;
  float value = in[kSeededElements - 1 - i];
  if (bug == Bug::kGlobalReadOutOfBounds) value = in[kSeededElements - i];
  const int large = static_cast<int>(gridDim.x) * 15'000'000;
  if (bug == Bug::kIndexOverflow) value = in[kSeededElements - 1 - i * large / large];
  out[bug == Bug::kGlobalWriteOutOfBounds && last ? i + 1 : i] = value;
}

/// Four elements a thread.
__global__ void by_vectors(Bug bug, const float* in, float* out) {
  const int i = static_cast<int>(threadIdx.x);
  if (i >= kThreads / 4) return;
  const int shift = bug == Bug::kMisalignedVector && first_input() == 0 ? 1 : 0;
  const float4 four = *reinterpret_cast<const float4*>(in + first_input() + 4 * i + shift);
  *reinterpret_cast<float4*>(out + first_output() + kThreads - 4 - 4 * i) = make_float4(four.w, four.z, four.y, four.x);
}

/// Half of the block's elements at a time, by copies that run beside the threads.
__global__ void by_copies(Bug bug, const float* in, float* out) {
  constexpr int half = kThreads / 2;
  __shared__ __align__(16) float block_in[2][half];
  const int i = static_cast<int>(threadIdx.x);
  const auto fetch = [&](int part, int buffer) {
    if (i < half / 4) {
      const int beyond = bug == Bug::kCopyOutOfBounds && first_input() > 0 && part == 1 ? 4 : 0;
      const int shift = bug == Bug::kMisalignedCopy ? 1 : 0;
      const float* from = in + first_input() + part * half + 4 * i + beyond + shift;
      __pipeline_memcpy_async(&block_in[buffer][4 * i], from, 16);
    }
    __pipeline_commit();
  };
  const auto write = [&](int part, int buffer) {
    if (i < half) out[first_output() + (1 - part) * half + i] = block_in[buffer][half - 1 - i];
  };
  const int second_buffer = bug == Bug::kRefilledBeforeRead ? 0 : 1;
  fetch(0, 0);
  if (bug == Bug::kRefilledBeforeRead) {
    __pipeline_wait_prior(0);
    __syncthreads();
  }
  fetch(1, second_buffer);
  if (bug != Bug::kMissingWait && bug != Bug::kRefilledBeforeRead) __pipeline_wait_prior(1);
  __syncthreads();
  write(0, 0);
  if (bug == Bug::kWaitForTooFewCopies) {
    __pipeline_wait_prior(1);
  } else if (bug != Bug::kMissingWait) {
    __pipeline_wait_prior(0);
  }
  __syncthreads();
  write(1, second_buffer);
}

/// Every thread writes what another will read, but reads that only if it does not have it already: which it always has.
__global__ void with_a_race_that_gives_the_right_result(Bug, const float* in, float* out) {
  __shared__ float block_in[kThreads];
  const int i = static_cast<int>(threadIdx.x), last = kThreads - 1;
  const float value = in[first_input() + last - i];
  block_in[i] = value;
  block_in[last - i] = in[first_input() + i];
  out[first_output() + i] = block_in[i];
}

/// Each block writes everything, the other's part too.
__global__ void with_a_race_of_blocks(Bug, const float* in, float* out) {
  for (int i = static_cast<int>(threadIdx.x); i < kSeededElements; i += kThreads) out[i] = in[kSeededElements - 1 - i];
}

/// Adds each element to a sum that begins as 0, and that other threads do not change before the next barrier.
__global__ void with_sums(Bug bug, const float* in, float* out) {
  __shared__ float sum;
  const int i = static_cast<int>(threadIdx.x);
  const float value = in[first_input() + kThreads - 1 - i];
  if (i == 0) sum = 0;
  __syncthreads();
  if (bug == Bug::kNonAtomicSumInShared) {
    sum += value;
  } else {
    atomicAdd(&sum, value);
  }
  if (bug == Bug::kNonAtomicSumInGlobal) out[0] = out[0] + sum * 0;
  __syncthreads();
  out[first_output() + i] = value + sum * 0;
}

/// By a product with the matrix that has ones on its other diagonal, 16 x 16 elements of zeros and the inputs.
__global__ void by_a_matrix_product(Bug bug, const float* in, float* out) {
  namespace wmma = nvcuda::wmma;
  constexpr int side = 16;
  const int stride = bug == Bug::kOddLeadingDimension ? side + 1 : side;
  __shared__ __align__(32) __half values[side * (side + 2)], flip[side * side];
  __shared__ __align__(32) float product[side * side];
  const int i = static_cast<int>(threadIdx.x);
  for (int e = i; e < side * side; e += kThreads) {
    const bool used = e / side < kThreads / side;
    values[e / side * stride + e % side] = __float2half(used ? in[first_input() + e] : 0.0f);
    flip[e] = __float2half(e / side + e % side == side - 1 ? 1.0f : 0.0f);
  }
  __syncthreads();
  if (i < (bug == Bug::kFragmentOfHalfAWarp ? 16 : 32)) {
    wmma::fragment<wmma::matrix_a, 16, 16, 16, __half, wmma::row_major> left;
    wmma::fragment<wmma::matrix_b, 16, 16, 16, __half, wmma::row_major> right;
    wmma::fragment<wmma::accumulator, 16, 16, 16, float> sums;
    const int moved = bug == Bug::kMisalignedFragment                        ? 1
                      : bug == Bug::kFragmentsOfDifferentAddresses && i == 9 ? 16
                                                                             : 0;
    wmma::load_matrix_sync(left, values + moved, static_cast<unsigned>(stride));
    wmma::load_matrix_sync(right, flip, side);
    if (bug != Bug::kUninitialisedFragment) wmma::fill_fragment(sums, 0.0f);
    wmma::mma_sync(sums, left, right, sums);
    wmma::store_matrix_sync(product, sums, side, wmma::mem_row_major);
  }
  __syncthreads();
  out[first_output() + i] = product[(kThreads / side - 1 - i / side) * side + i % side];
}

}  // namespace

void launch_reverse(Bug bug, const float* in, float* out) {
  using Kernel = void (*)(Bug, const float*, float*);
  const auto launch_one = [&](Kernel kernel) {
    INFINI_LAUNCH(kernel, dim3(kSeededElements / kThreads), dim3(kThreads), kThreads * sizeof(float), nullptr, bug, in,
                  out);
  };
  switch (bug) {
    case Bug::kNone:
      for (const Kernel kernel : {through_shared, twice_through_shared, through_dynamic_shared, through_warps,
                                  through_shuffles, straight, by_vectors, by_copies, with_sums, by_a_matrix_product}) {
        launch_one(kernel);
      }
      return;
    case Bug::kMissingBarrier:
    case Bug::kBarrierOfOtherThreads:
    case Bug::kSharedOutOfBounds:
    case Bug::kUninitialisedShared:
    case Bug::kDivergentBarrier:
    case Bug::kBarrierSomeNeverReach:
      return launch_one(through_shared);
    case Bug::kOverwrittenBeforeRead:
    case Bug::kOverwrittenAfterWarpBarrier:
      return launch_one(twice_through_shared);
    case Bug::kDynamicSharedOutOfBounds:
      return launch_one(through_dynamic_shared);
    case Bug::kMissingWarpBarrier:
      return launch_one(through_warps);
    case Bug::kShuffleFromOutsideTheMask:
    case Bug::kShuffleByLanesOutsideTheMask:
    case Bug::kMaskOfLanesThatDoNotCome:
    case Bug::kDivergentShuffle:
      return launch_one(through_shuffles);
    case Bug::kGlobalReadOutOfBounds:
    case Bug::kGlobalWriteOutOfBounds:
    case Bug::kIndexOverflow:
      return launch_one(straight);
    case Bug::kMisalignedVector:
      return launch_one(by_vectors);
    case Bug::kMissingWait:
    case Bug::kWaitForTooFewCopies:
    case Bug::kRefilledBeforeRead:
    case Bug::kCopyOutOfBounds:
    case Bug::kMisalignedCopy:
      return launch_one(by_copies);
    case Bug::kRaceThatGivesTheRightResult:
      return launch_one(with_a_race_that_gives_the_right_result);
    case Bug::kRaceOfBlocks:
      return launch_one(with_a_race_of_blocks);
    case Bug::kNonAtomicSumInShared:
    case Bug::kNonAtomicSumInGlobal:
      return launch_one(with_sums);
    case Bug::kMisalignedFragment:
    case Bug::kOddLeadingDimension:
    case Bug::kUninitialisedFragment:
    case Bug::kFragmentOfHalfAWarp:
    case Bug::kFragmentsOfDifferentAddresses:
      return launch_one(by_a_matrix_product);
  }
}

}  // namespace host_cuda
