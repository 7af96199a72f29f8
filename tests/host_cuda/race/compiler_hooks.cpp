// Kernels of the race build are compiled with -fsanitize=thread, which puts a call before each access to memory that
// another thread might see. These are what they call, in place of ThreadSanitizer's runtime library, which would not
// know what a CUDA thread is.

#include <cstddef>

#include "host_cuda/access.h"

namespace {

using host_cuda::Access;

}  // namespace

#define HOST_CUDA_HOOKS(prefix, bytes)                                                     \
  void __tsan_##prefix##read##bytes(const void* address) {                                 \
    host_cuda::record_access(address, bytes, Access::kRead, __builtin_return_address(0));  \
  }                                                                                        \
  void __tsan_##prefix##write##bytes(const void* address) {                                \
    host_cuda::record_access(address, bytes, Access::kWrite, __builtin_return_address(0)); \
  }

extern "C" {

HOST_CUDA_HOOKS(, 1)
HOST_CUDA_HOOKS(, 2)
HOST_CUDA_HOOKS(, 4)
HOST_CUDA_HOOKS(, 8)
HOST_CUDA_HOOKS(, 16)
HOST_CUDA_HOOKS(unaligned_, 2)
HOST_CUDA_HOOKS(unaligned_, 4)
HOST_CUDA_HOOKS(unaligned_, 8)
HOST_CUDA_HOOKS(unaligned_, 16)

void __tsan_read_range(const void* address, std::size_t bytes) {
  host_cuda::record_access(address, bytes, Access::kRead, __builtin_return_address(0));
}

void __tsan_write_range(const void* address, std::size_t bytes) {
  host_cuda::record_access(address, bytes, Access::kWrite, __builtin_return_address(0));
}

void __tsan_init() {}
}
