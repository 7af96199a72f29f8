#pragma once

// CUDA kernels, executed on the CPU thread by thread: the same source that nvcc compiles. Each CUDA thread is a fiber;
// a launch runs to its end at once. What a device forbids or leaves undefined (a barrier that not all threads reach, a
// shuffle from a lane outside the mask, a misaligned fragment, …) makes the launch throw host_cuda::KernelError, which
// says which thread, and where. Shared memory begins as NaN.
//
// Three builds, from one list of sources by infini_kernel_test (CMakeLists.txt), find different things:
//   plain      wrong results, in whatever order threads and asynchronous copies come
//   sanitized  accesses out of bounds of global and shared memory, misaligned vectors, overflows of indices
//   race       accesses that no barrier orders, shared memory that nobody wrote, copies that nobody waited for,
//              in whatever order they came. It also counts what a kernel moves: measure() in race/traffic.h
// What launches ask of a device, at sizes too large to be executed here: plan() in plan.h.
//
//   host_cuda::on_every_schedule([&] {           // in each order of threads and landing of copies
//     host_cuda::DeviceBuffer<float> out(1024);  // device_buffer.h, which serves for a real device as well
//     launch_example(in.data(), out.data());     // INFINI_LAUNCH(kernel, grid, block, shared_bytes, stream, …)
//     expect_near(out.to_host(), …);
//   });
//
// By hand: g++ -std=c++20 -O2 -DINFINI_HOST_CUDA -Itests -Icsrc -isystem $CUDA_HOME/include -Wno-unknown-pragmas
//   my_test.cpp -x c++ my_kernel.cu -x none tests/host_cuda/*.cpp -lgtest -lgtest_main [-fsanitize=address,undefined]
//
// What kernels have to keep to: __align__(16), not alignas, after __shared__; bfloat16 and half arithmetic by way of
// float; of a fragment's elements only what is done to all alike; no thread_local, cooperative groups, TMA, wgmma, or
// waiting for other blocks. Atomics: atomicAdd.

#include "host_cuda/asynchronous_copy.h"
#include "host_cuda/atomics.h"
#include "host_cuda/barrier.h"
#include "host_cuda/keywords.h"
#include "host_cuda/launch.h"
#include "host_cuda/matrix_fragments.h"
#include "host_cuda/schedule.h"
#include "host_cuda/warp.h"
