#pragma once

#include <cuda_runtime.h>

#include <cstddef>

#include "host_cuda/access.h"
#include "host_cuda/scheduler.h"

namespace host_cuda {

/// Runs the kernel to its end. Throws KernelError.
template <typename... Parameters, typename... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes,
            cudaStream_t, const Arguments&... arguments) {
  const auto call = [&]() HOST_CUDA_NOT_RECORDED { kernel(arguments...); };
  constexpr auto call_on = [](const void* context)
                               HOST_CUDA_NOT_RECORDED { (*static_cast<decltype(call)*>(context))(); };
  scheduler.launch(name, grid, block, shared_bytes, {call_on, &call});
}

}  // namespace host_cuda

#define INFINI_LAUNCH(kernel, ...) ::host_cuda::launch(#kernel, kernel, __VA_ARGS__)
#define INFINI_DYNAMIC_SHARED(T, name) T* const name = reinterpret_cast<T*>(::host_cuda::dynamic_shared_memory())
