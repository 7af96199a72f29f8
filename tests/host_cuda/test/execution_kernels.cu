#include "host_cuda/host_cuda.h"
#include "host_cuda/test/execution_kernels.h"

namespace host_cuda {
namespace {

constexpr unsigned kWholeWarp = 0xffffffffu;

__global__ void indices(unsigned* out) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  unsigned* own = out + (block * blockDim.x * blockDim.y * blockDim.z + thread) * 6;
  own[0] = blockIdx.x, own[1] = blockIdx.y, own[2] = blockIdx.z;
  own[3] = threadIdx.x, own[4] = threadIdx.y, own[5] = threadIdx.z;
}

__global__ void order(unsigned* count, unsigned* out) {
  out[atomicAdd(count, 1u)] = blockIdx.x * blockDim.x + threadIdx.x;
}

__global__ void shuffles(int argument, int width, int* out) {
  const int lane = static_cast<int>(threadIdx.x), value = 100 + lane;
  out[lane] = __shfl_sync(kWholeWarp, value, argument, width);
  out[32 + lane] = __shfl_xor_sync(kWholeWarp, value, argument, width);
  out[64 + lane] = __shfl_up_sync(kWholeWarp, value, static_cast<unsigned>(argument), width);
  out[96 + lane] = __shfl_down_sync(kWholeWarp, value, static_cast<unsigned>(argument), width);
}

__global__ void sum_over_partial_warp(int* out) {
  const int lane = static_cast<int>(threadIdx.x) % warpSize;
  const bool whole = threadIdx.x < warpSize;
  const unsigned mask = whole ? kWholeWarp : 0xffu;
  int sum = lane + 1;
  for (int offset = whole ? 16 : 4; offset > 0; offset /= 2) sum += __shfl_xor_sync(mask, sum, offset);
  __syncwarp(mask);
  out[threadIdx.x] = sum;
}

__global__ void votes(unsigned lanes, unsigned* out) {
  const bool in = (lanes >> threadIdx.x & 1) != 0;
  const unsigned ballot = __ballot_sync(kWholeWarp, in);
  const bool any = __any_sync(kWholeWarp, in), all = __all_sync(kWholeWarp, in);
  if (threadIdx.x == 17) out[0] = ballot, out[1] = any, out[2] = all;
}

__global__ void copy_with_zeros(int zeros, const float* in, float* out) {
  __shared__ __align__(16) float copied[4];
  __pipeline_memcpy_async(copied, in, 16, static_cast<std::size_t>(zeros) * sizeof(float));
  __pipeline_commit();
  __pipeline_wait_prior(0);
  for (int i = 0; i < 4; ++i) out[i] = copied[i];
}

__global__ void groups_of_copies(int kept, const float* in, float* out) {
  __shared__ __align__(16) float copied[12];
  for (int group = 0; group < 3; ++group) {
    __pipeline_memcpy_async(copied + 4 * group, in + 4 * group, 16);
    __pipeline_commit();
  }
  __pipeline_wait_prior(static_cast<std::size_t>(kept));
  for (int i = 0; i < 12; ++i) out[i] = i / 4 < 3 - kept ? copied[i] : NAN;
}

__global__ void atomic_sum(int count, const float* in, float* sum) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) atomicAdd(sum, in[i]);
}

__global__ void uninitialised(float* out) {
  __shared__ float word;
  INFINI_DYNAMIC_SHARED(float, dynamic_word);
  out[blockIdx.x * 2] = word;
  out[blockIdx.x * 2 + 1] = *dynamic_word;
  word = *dynamic_word = 1;
}

__global__ void nothing() {}

}  // namespace

void launch_indices(dim3 grid, dim3 block, unsigned* out) { INFINI_LAUNCH(indices, grid, block, 0, nullptr, out); }

void launch_order(unsigned blocks, unsigned threads, unsigned* count, unsigned* out) {
  INFINI_LAUNCH(order, dim3(blocks), dim3(threads), 0, nullptr, count, out);
}

void launch_shuffles(int argument, int width, int* out) {
  INFINI_LAUNCH(shuffles, dim3(1), dim3(32), 0, nullptr, argument, width, out);
}

void launch_sum_over_partial_warp(int* out) {
  INFINI_LAUNCH(sum_over_partial_warp, dim3(1), dim3(40), 0, nullptr, out);
}

void launch_votes(unsigned lanes, unsigned* out) { INFINI_LAUNCH(votes, dim3(1), dim3(32), 0, nullptr, lanes, out); }

void launch_copy_with_zeros(int zeros, const float* in, float* out) {
  INFINI_LAUNCH(copy_with_zeros, dim3(1), dim3(1), 0, nullptr, zeros, in, out);
}

void launch_groups_of_copies(int kept, const float* in, float* out) {
  INFINI_LAUNCH(groups_of_copies, dim3(1), dim3(1), 0, nullptr, kept, in, out);
}

void launch_atomic_sum(int count, const float* in, float* sum) {
  INFINI_LAUNCH(atomic_sum, dim3(static_cast<unsigned>(count + 63) / 64), dim3(64), 0, nullptr, count, in, sum);
}

void launch_uninitialised(float* out) { INFINI_LAUNCH(uninitialised, dim3(2), dim3(1), sizeof(float), nullptr, out); }

void launch_nothing(dim3 grid, dim3 block, std::size_t shared_bytes) {
  INFINI_LAUNCH(nothing, grid, block, shared_bytes, nullptr);
}

}  // namespace host_cuda
