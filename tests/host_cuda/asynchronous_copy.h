#pragma once

#include <cstddef>
#include <source_location>
#include <vector>

namespace host_cuda {

struct AsynchronousCopy {
  std::byte* to;
  const std::byte* from;
  std::size_t bytes;
  /// How many of the bytes, the last ones, become zero instead.
  std::size_t zeros;
  /// Whether it has taken place already: a device may copy at any time between the issue and the wait.
  bool landed = false;
};

/// The copies by cp.async of one thread that have been issued and have not taken place.
struct AsynchronousCopies {
  std::vector<AsynchronousCopy> uncommitted;
  /// The oldest first.
  std::vector<std::vector<AsynchronousCopy>> groups;
};

}  // namespace host_cuda

// As in cuda_pipeline_primitives.h.
void __pipeline_memcpy_async(void* to, const void* from, std::size_t bytes, std::size_t zeros = 0,
                             std::source_location place = std::source_location::current());
void __pipeline_commit();
void __pipeline_wait_prior(std::size_t newest_groups);
