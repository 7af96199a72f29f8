#include "host_cuda/host_cuda.h"
#include "host_cuda/test/traffic_kernels.h"

namespace host_cuda {
namespace {

__device__ int thread() { return static_cast<int>(threadIdx.x); }

__global__ void strided_copy(int stride, int offset, const float* in, float* out) {
  out[thread() * stride] = in[thread() * stride + offset];
}

__global__ void same_reads(const float* in, float* out) { out[blockIdx.x * 32 + threadIdx.x] = in[threadIdx.x]; }

__global__ void vector_copy(const float* in, float* out) {
  const float4 four = *reinterpret_cast<const float4*>(in + 4 * thread());
  *reinterpret_cast<float4*>(out + 4 * thread()) = four;
}

__global__ void asynchronous_copy(const float* in, float* out) {
  __shared__ __align__(16) float copied[128];
  __pipeline_memcpy_async(copied + 4 * thread(), in + 4 * thread(), 16);
  __pipeline_commit();
  __pipeline_wait_prior(0);
  *reinterpret_cast<float4*>(out + 4 * thread()) = *reinterpret_cast<const float4*>(copied + 4 * thread());
}

__global__ void single_copy(const float* in, float* out) {
  if (thread() == 11) *out = *in;
}

__global__ void shared_stride(int stride, const float* in, float* out) {
  __shared__ float words[32 * 33];
  words[thread() * stride] = in[thread()];
  out[thread()] = words[thread() * stride];
}

__global__ void shared_vectors(const float* in, float* out) {
  __shared__ __align__(16) float words[128];
  *reinterpret_cast<float4*>(words + 4 * thread()) = *reinterpret_cast<const float4*>(in + 4 * thread());
  *reinterpret_cast<float4*>(out + 4 * thread()) = *reinterpret_cast<const float4*>(words + 4 * thread());
}

__global__ void fragment_load(unsigned stride, float* out) {
  INFINI_DYNAMIC_SHARED(__nv_bfloat16, matrix);
  for (int row = thread() / 16; row < 16; row += 2) {
    matrix[static_cast<unsigned>(row) * stride + static_cast<unsigned>(thread()) % 16] = __float2bfloat16(1.0f);
  }
  __syncwarp();
  nvcuda::wmma::fragment<nvcuda::wmma::matrix_a, 16, 16, 16, __nv_bfloat16, nvcuda::wmma::row_major> fragment;
  nvcuda::wmma::load_matrix_sync(fragment, matrix, stride);
  out[thread()] = __bfloat162float(fragment.x[0]);
}

__global__ void own_memory(Arguments arguments) {
  int values[12];
  for (int i = 0; i < 12; ++i) values[i] = arguments.values[(i + thread()) % 12];
  int sum = 0;
  for (int i = 0; i < 12; ++i) sum += values[(i * 5 + thread()) % 12];
  arguments.out[thread()] = arguments.in[thread()] * static_cast<float>(sum);
}

__global__ void busy_copy(const float* in, float* out) {
  INFINI_DYNAMIC_SHARED(float, memory);
  float value = in[thread()];
  for (int i = 0; i < 32; i += 16) value = __shfl_xor_sync(0xffffffffu, value, 16);
  value = __shfl_down_sync(0xffffffffu, __shfl_up_sync(0xffffffffu, value, 0), 0);
  const bool all = __all_sync(0xffffffffu, blockDim.x == 32 && gridDim.x == 1 && blockIdx.x == 0);
  __syncthreads();
  __syncwarp();
  __pipeline_commit();
  __pipeline_wait_prior(0);
  nvcuda::wmma::fragment<nvcuda::wmma::matrix_a, 16, 16, 16, __nv_bfloat16, nvcuda::wmma::row_major> left;
  nvcuda::wmma::fragment<nvcuda::wmma::matrix_b, 16, 16, 16, __nv_bfloat16, nvcuda::wmma::row_major> right;
  nvcuda::wmma::fragment<nvcuda::wmma::accumulator, 16, 16, 16, float> sums;
  nvcuda::wmma::fill_fragment(left, __float2bfloat16(0.0f));
  nvcuda::wmma::fill_fragment(right, __float2bfloat16(0.0f));
  nvcuda::wmma::fill_fragment(sums, 0.0f);
  nvcuda::wmma::mma_sync(sums, left, right, sums);
  out[thread()] = all && memory == nullptr ? value + sums.x[0] : NAN;
}

__global__ void atomic_counts(float* sums) { atomicAdd(sums, 1.0f); }

}  // namespace

void launch_strided_copy(unsigned threads, int stride, int offset, const float* in, float* out) {
  INFINI_LAUNCH(strided_copy, dim3(1), dim3(threads), 0, nullptr, stride, offset, in, out);
}

void launch_same_reads(unsigned blocks, const float* in, float* out) {
  INFINI_LAUNCH(same_reads, dim3(blocks), dim3(32), 0, nullptr, in, out);
}

void launch_vector_copy(const float* in, float* out) {
  INFINI_LAUNCH(vector_copy, dim3(1), dim3(32), 0, nullptr, in, out);
}

void launch_asynchronous_copy(const float* in, float* out) {
  INFINI_LAUNCH(asynchronous_copy, dim3(1), dim3(32), 0, nullptr, in, out);
}

void launch_single_copy(const float* in, float* out) {
  INFINI_LAUNCH(single_copy, dim3(1), dim3(32), 0, nullptr, in, out);
}

void launch_shared_stride(int stride, const float* in, float* out) {
  INFINI_LAUNCH(shared_stride, dim3(1), dim3(32), 0, nullptr, stride, in, out);
}

void launch_shared_vectors(const float* in, float* out) {
  INFINI_LAUNCH(shared_vectors, dim3(1), dim3(32), 0, nullptr, in, out);
}

void launch_fragment_load(unsigned stride, float* out) {
  INFINI_LAUNCH(fragment_load, dim3(1), dim3(32), 16 * stride * sizeof(__nv_bfloat16), nullptr, stride, out);
}

void launch_own_memory(const Arguments& arguments) {
  INFINI_LAUNCH(own_memory, dim3(1), dim3(32), 0, nullptr, arguments);
}

void launch_busy_copy(const float* in, float* out) { INFINI_LAUNCH(busy_copy, dim3(1), dim3(32), 0, nullptr, in, out); }

void launch_atomic_counts(float* sums) { INFINI_LAUNCH(atomic_counts, dim3(1), dim3(32), 0, nullptr, sums); }

}  // namespace host_cuda
