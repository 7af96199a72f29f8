#pragma once

#include <cstddef>
#include <span>

namespace host_cuda {

/// All that kernels of this program declare `__shared__`, or nothing in a build with AddressSanitizer.
///
/// Static shared memory is the `thread_local` memory of the program: the one kind of storage that is static, that the
/// compiler puts into one place for templates too, and whose place is known. A program that is linked with this may
/// have no other thread-local variables. AddressSanitizer guards plain statics alone, there `__shared__` means these.
std::span<std::byte> static_shared_memory();

/// The dynamic shared memory of one launch: exactly so many bytes, that AddressSanitizer sees the first one too many.
class DynamicSharedMemory {
 public:
  explicit DynamicSharedMemory(std::size_t bytes);
  ~DynamicSharedMemory();
  DynamicSharedMemory(const DynamicSharedMemory&) = delete;
  DynamicSharedMemory& operator=(const DynamicSharedMemory&) = delete;

  std::span<std::byte> bytes() const { return bytes_; }

 private:
  std::span<std::byte> bytes_;
};

/// Shared memory of a block that begins holds anything at all: here it holds NaN, whatever the type of float.
void poison(std::span<std::byte> memory);

}  // namespace host_cuda
