#pragma once

#include <cuda_runtime.h>

#include <cstddef>

namespace host_cuda {

/// For each thread of a grid, in linear order, the six components of blockIdx and threadIdx.
void launch_indices(dim3 grid, dim3 block, unsigned* out);

/// out: the linear indices of all threads, in the order in which they come. count begins as 0.
void launch_order(unsigned blocks, unsigned threads, unsigned* count, unsigned* out);

/// For each lane of one warp: what the four shuffles give of value 100 + lane with the argument and width, [4, 32].
void launch_shuffles(int argument, int width, int* out);

/// out[lane] of 40 threads, whose second warp has 8 lanes: the sum over the lane's warp of lane + 1.
void launch_sum_over_partial_warp(int* out);

/// out[0 … 2]: ballot, any, all of whether lane is in `lanes`.
void launch_votes(unsigned lanes, unsigned* out);

/// out[0 … 3] = in[0 … 3], of which the last `zeros` elements become 0, by a cp.async.
void launch_copy_with_zeros(int zeros, const float* in, float* out);

/// in → out, 4 elements by each of 3 groups of copies: waits for all but `kept` groups, and writes NaN for those it
/// kept.
void launch_groups_of_copies(int kept, const float* in, float* out);

/// sum[0] += in[i] of all elements, each by one thread.
void launch_atomic_sum(int count, const float* in, float* sum);

/// out: for each of two blocks of one thread, what static and dynamic shared memory hold when it begins, before it
/// writes 1 to both.
void launch_uninitialised(float* out);

/// A kernel that does nothing.
void launch_nothing(dim3 grid, dim3 block, std::size_t shared_bytes);

}  // namespace host_cuda
