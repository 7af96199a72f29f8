#pragma once

#include <cstddef>
#include <source_location>

// What the race build (HOST_CUDA_RACE) records of kernels' accesses to memory, beside what the compiler reports by
// itself (race/compiler_hooks.cpp). Other builds record nothing.

/// For functions of the harness that are compiled into kernels: their accesses are not the kernel's.
#define HOST_CUDA_NOT_RECORDED __attribute__((no_sanitize("thread")))

namespace host_cuda {

struct AsynchronousCopy;

enum class Access { kRead, kWrite, kAtomic };

/// A matrix in memory that a warp loads into a fragment or stores from one.
struct FragmentAccess {
  const std::byte* memory;
  /// Rows of a row-major matrix, columns of a column-major one: what lies contiguously.
  int lines;
  int elements_of_line;
  std::size_t bytes_between_lines;
  std::size_t element_bytes;
  bool row_major;
  bool accumulator;
  Access access;
  std::source_location place;
};

#ifdef HOST_CUDA_RACE

void record_launch_begin();
void record_block_end();
/// What was found wrong with the launch, or nothing.
const char* record_launch_end();

/// An access by the current thread, by the instruction that returns to `program_counter`.
void record_access(const void* address, std::size_t bytes, Access access, const void* program_counter);
void record_fragment(const FragmentAccess& fragment);
void record_copy_issued(const AsynchronousCopy& copy, std::source_location place);
void record_copy_waited_for(const AsynchronousCopy& copy);

#else

inline void record_launch_begin() {}
inline void record_block_end() {}
inline const char* record_launch_end() { return nullptr; }
inline void record_access(const void*, std::size_t, Access, const void*) {}
inline void record_fragment(const FragmentAccess&) {}
inline void record_copy_issued(const AsynchronousCopy&, std::source_location) {}
inline void record_copy_waited_for(const AsynchronousCopy&) {}

#endif

}  // namespace host_cuda
