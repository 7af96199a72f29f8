#pragma once

// CUDA C++'s own words, as a plain C++ compiler is to understand them. Included before any kernel.

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include "host_cuda/scheduler.h"

#undef __global__
#undef __device__
#undef __host__
#undef __shared__
#undef __launch_bounds__
#undef __forceinline__
#undef __noinline__

#ifdef HOST_CUDA_RACE
// All that a kernel calls is made part of it: g++ reports no store to memory of what a function returns.
#define __global__ __attribute__((flatten))
#else
#define __global__
#endif
#define __device__
#define __host__
#define __launch_bounds__(...)
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#ifdef __SANITIZE_ADDRESS__
#define __shared__ static
#else
#define __shared__ static constinit thread_local
#endif

#define threadIdx (::host_cuda::thread_index())
#define blockIdx (::host_cuda::block_index())
#define blockDim (::host_cuda::block_size())
#define gridDim (::host_cuda::grid_size())
#define warpSize 32
