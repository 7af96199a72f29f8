#include "host_cuda/shared_memory.h"

#include <link.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace host_cuda {
namespace {

/// CUDA promises no more than 16 bytes; kernels that ask for more by an attribute get it on a device as well.
constexpr std::size_t kAlignment = 128;

#ifndef __SANITIZE_ADDRESS__
int find_thread_local_memory(dl_phdr_info* module, std::size_t, void* found) {
  for (int i = 0; i < module->dlpi_phnum; ++i) {
    const auto& segment = module->dlpi_phdr[i];
    if (segment.p_type == PT_TLS && module->dlpi_tls_data != nullptr) {
      *static_cast<std::span<std::byte>*>(found) = {static_cast<std::byte*>(module->dlpi_tls_data), segment.p_memsz};
    }
  }
  return 1;  // the first module is the program itself, the only one that is looked at
}
#endif

}  // namespace

std::span<std::byte> static_shared_memory() {
  std::span<std::byte> memory;
#ifndef __SANITIZE_ADDRESS__
  dl_iterate_phdr(find_thread_local_memory, &memory);
#endif
  return memory;
}

DynamicSharedMemory::DynamicSharedMemory(std::size_t bytes) {
  if (bytes == 0) return;
  void* memory = nullptr;
  if (posix_memalign(&memory, kAlignment, bytes) != 0) throw std::bad_alloc();
  bytes_ = {static_cast<std::byte*>(memory), bytes};
}

DynamicSharedMemory::~DynamicSharedMemory() { std::free(bytes_.data()); }

void poison(std::span<std::byte> memory) {
  if (!memory.empty()) std::memset(memory.data(), 0xff, memory.size());
}

}  // namespace host_cuda
