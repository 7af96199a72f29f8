#pragma once

// For tests of kernels, whose bodies are the same on the CPU (compiled with INFINI_HOST_CUDA) and on a device.

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#ifdef INFINI_HOST_CUDA
#include "host_cuda/schedule.h"
#endif

namespace host_cuda {

#ifdef INFINI_HOST_CUDA

namespace device {

/// Aligned as cudaMalloc's memory is; exactly so many bytes, that AddressSanitizer sees the first one too many.
inline void* allocate(std::size_t bytes) {
  void* memory = nullptr;
  if (posix_memalign(&memory, 256, bytes) != 0) throw std::bad_alloc();
  return memory;
}
inline void release(void* memory) { std::free(memory); }
inline void fill(void* memory, int byte, std::size_t bytes) { std::memset(memory, byte, bytes); }
inline void copy(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }

}  // namespace device

/// Waits until all launches have ended, and throws if one of them failed.
inline void synchronize() {}

/// Calls `body` once for every way in which a device might execute its launches.
template <typename Body>
void on_every_schedule(const Body& body) {
  for (const Schedule& schedule : all_schedules()) {
    const ScopedSchedule scoped(schedule);
    body();
  }
}

#else

namespace device {

inline void check(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(std::string("CUDA: ") + cudaGetErrorString(error));
}

inline void* allocate(std::size_t bytes) {
  void* memory = nullptr;
  check(cudaMalloc(&memory, bytes));
  return memory;
}
inline void release(void* memory) { cudaFree(memory); }
inline void fill(void* memory, int byte, std::size_t bytes) { check(cudaMemset(memory, byte, bytes)); }
inline void copy(void* to, const void* from, std::size_t bytes) {
  check(cudaMemcpy(to, from, bytes, cudaMemcpyDefault));
}

}  // namespace device

inline void synchronize() { device::check(cudaDeviceSynchronize()); }

template <typename Body>
void on_every_schedule(const Body& body) {
  body();
}

#endif

/// An array that kernels can read and write: memory of the device, or under the harness memory like any other.
template <typename T>
class DeviceBuffer {
 public:
  /// `size` elements of which every bit is set: NaN where T is a float, so that an output that is not written shows.
  explicit DeviceBuffer(std::size_t size)
      : size_(size), memory_(size == 0 ? nullptr : static_cast<T*>(device::allocate(size * sizeof(T)))) {
    if (size > 0) device::fill(memory_.get(), 0xff, size * sizeof(T));
  }

  explicit DeviceBuffer(const std::vector<T>& elements) : DeviceBuffer(elements.size()) {
    const auto staged = std::make_unique<T[]>(size_);  // a std::vector<bool> has no array of bool to copy from
    for (std::size_t i = 0; i < size_; ++i) staged[i] = elements[i];
    if (size_ > 0) device::copy(memory_.get(), staged.get(), size_ * sizeof(T));
  }

  T* data() { return memory_.get(); }
  const T* data() const { return memory_.get(); }
  std::size_t size() const { return size_; }

  /// Its elements, after all launches have ended.
  std::vector<T> to_host() const {
    synchronize();
    const auto staged = std::make_unique<T[]>(size_);
    if (size_ > 0) device::copy(staged.get(), memory_.get(), size_ * sizeof(T));
    return std::vector<T>(staged.get(), staged.get() + size_);
  }

 private:
  struct Release {
    void operator()(T* memory) const { device::release(memory); }
  };

  std::size_t size_;
  std::unique_ptr<T, Release> memory_;
};

}  // namespace host_cuda
