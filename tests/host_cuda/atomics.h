#pragma once

#include "host_cuda/access.h"

// Atomic operations on memory: threads are switched at barriers alone, so that each operation is one by itself.

/// Not inlined: the address it returns to tells which of the kernel's instructions it is.
template <typename T>
HOST_CUDA_NOT_RECORDED __attribute__((noinline)) T atomicAdd(T* to, T value) {
  host_cuda::record_access(to, sizeof(T), host_cuda::Access::kAtomic, __builtin_return_address(0));
  const T before = *to;
  *to = before + value;
  return before;
}
