#pragma once

// CUDA kernels, executed on the CPU thread by thread: the same source that nvcc compiles, included by a .cpp file that
// is compiled with -DINFINI_HOST_CUDA, -Itests and CUDA's own headers on the path. Each CUDA thread is a fiber;
// launches run to their end at once. What a device forbids or leaves undefined (a barrier not all threads reach, a
// shuffle from a lane outside the mask, misaligned fragments, …) makes the launch throw host_cuda::KernelError, which
// says where.
//
//   host_cuda::ScopedSchedule scoped({host_cuda::Order::kReverse, host_cuda::Landing::kEarly});
//   launch_retrieve(…);   // which calls INFINI_LAUNCH(kernel, grid, block, shared_bytes, stream, arguments…)
//
// Every kernel is to be run with each of host_cuda::all_schedules(). By hand:
//
//   g++ -std=c++20 -O2 -DINFINI_HOST_CUDA -Itests -Icsrc -isystem $CUDA_HOME/include -Wno-unknown-pragmas
//       my_test.cpp -x c++ csrc/ops/cuda/rotate.cu -x none tests/host_cuda/*.cpp -lgtest -lgtest_main
//
// with -fsanitize=address,undefined for reads out of bounds and misaligned vectors.

#include "host_cuda/asynchronous_copy.h"
#include "host_cuda/atomics.h"
#include "host_cuda/barrier.h"
#include "host_cuda/intrinsics.h"
#include "host_cuda/keywords.h"
#include "host_cuda/launch.h"
#include "host_cuda/matrix_fragments.h"
#include "host_cuda/schedule.h"
#include "host_cuda/warp.h"
