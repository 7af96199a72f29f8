#pragma once

// How a kernel is launched, and, beside fragment.cuh, all that differs between nvcc and the tests' execution on the
// CPU:
//
//   INFINI_LAUNCH(kernel, grid, block, shared_bytes, stream, arguments…)   throws std::runtime_error naming the kernel
//   INFINI_DYNAMIC_SHARED(T, name)                                         T* name: the launch's dynamic shared memory
//   shared_memory_limit()                                                  bytes of it that a block may have here

#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>

#ifdef INFINI_HOST_CUDA
#include "host_cuda/host_cuda.h"

namespace infini::ops::cuda {
using host_cuda::shared_memory_limit;
}
#else
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_pipeline.h>
#include <cuda_runtime.h>
#include <mma.h>

namespace infini::ops::cuda {

inline void check_launch(cudaError_t error, const char* kernel) {
  if (error == cudaSuccess) return;
  throw std::runtime_error(std::string("the CUDA kernel ") + kernel +
                           " could not be launched: " + cudaGetErrorString(error));
}

/// 101,376 bytes on compute capability 8.6, 8.9 and 12.0, 166,912 on 8.0, 232,448 on 9.0 and 10.0.
inline size_t shared_memory_limit() {
  int device = 0, bytes = 0;
  check_launch(cudaGetDevice(&device), "of the current device");
  check_launch(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
               "of the current device");
  return static_cast<size_t>(bytes);
}

/// Shared memory above 48 KiB has to be asked for.
template <typename... Parameters, typename... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes,
            cudaStream_t stream, const Arguments&... arguments) {
  if (shared_bytes > 48 * 1024) {
    check_launch(
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)),
        name);
  }
  // clang-format off
  kernel<<<grid, block, shared_bytes, stream>>>(arguments...);
  // clang-format on
  check_launch(cudaGetLastError(), name);
}

}  // namespace infini::ops::cuda

#define INFINI_LAUNCH(kernel, ...) ::infini::ops::cuda::launch(#kernel, kernel, __VA_ARGS__)
#define INFINI_DYNAMIC_SHARED(T, name)                            \
  extern __shared__ __align__(128) unsigned char shared_bytes_[]; \
  T* const name = reinterpret_cast<T*>(shared_bytes_)
#endif

namespace infini::ops::cuda {

/// The shared memory that a block may have on every device that kernels are built for. A kernel that runs faster with
/// more has a second form that fits into this.
inline constexpr size_t least_shared_memory = 99 * 1024;

/// The number of blocks as the x extent of a grid, the only one that may be large.
inline dim3 grid_of(int64_t blocks) {
  if (blocks < 1 || blocks > INT32_MAX) {
    throw std::runtime_error("a CUDA kernel needs " + std::to_string(blocks) + " blocks, but a grid holds 1 to " +
                             std::to_string(INT32_MAX));
  }
  return dim3(static_cast<unsigned>(blocks));
}

/// Calls body(std::integral_constant<int, width>) for a width that the kernels are built for.
template <typename Body>
void with_width(int64_t width, const Body& body) {
  switch (width) {
    case 64:
      return body(std::integral_constant<int, 64>());
    case 128:
      return body(std::integral_constant<int, 128>());
    default:
      throw std::runtime_error("the CUDA kernels have heads of width 64 or 128, not " + std::to_string(width));
  }
}

/// Calls body(D, E) with both widths as integral constants.
template <typename Body>
void with_widths(int64_t key_width, int64_t value_width, const Body& body) {
  with_width(key_width, [&](auto D) { with_width(value_width, [&](auto E) { body(D, E); }); });
}

}  // namespace infini::ops::cuda
