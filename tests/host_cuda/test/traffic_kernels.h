#pragma once

#include <cuda_bf16.h>

namespace host_cuda {

/// One block of `threads` threads: out[i · stride] = in[i · stride + offset] for each thread i.
void launch_strided_copy(unsigned threads, int stride, int offset, const float* in, float* out);

/// Each of `blocks` blocks of one warp reads the same 32 floats, and writes 32 of its own.
void launch_same_reads(unsigned blocks, const float* in, float* out);

/// out[i] = in[i], 4 floats a thread, by one warp.
void launch_vector_copy(const float* in, float* out);

/// The same by cp.async, through shared memory.
void launch_asynchronous_copy(const float* in, float* out);

/// One thread of a warp reads and writes one float.
void launch_single_copy(const float* in, float* out);

/// in[0 … 31] → shared memory at word lane · stride → out; nothing else touches shared memory.
void launch_shared_stride(int stride, const float* in, float* out);

/// in → shared memory by vectors of 16 bytes, neighbouring lanes side by side → out.
void launch_shared_vectors(const float* in, float* out);

/// Loads a 16 x 16 fragment from rows that are `stride` elements apart in shared memory, and writes one of its
/// elements.
void launch_fragment_load(unsigned stride, float* out);

struct Arguments {
  const float* in;
  float* out;
  int values[12];
};

/// out[lane] = in[lane] · the sum of an array in the thread's own memory, by arguments that are a struct.
void launch_own_memory(const Arguments& arguments);

/// out[lane] = in[lane], and in between all that a kernel may ask and do that moves nothing: by one warp.
void launch_busy_copy(const float* in, float* out);

/// Adds 1 to sums[0] with each thread of a warp.
void launch_atomic_counts(float* sums);

}  // namespace host_cuda
