#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host_cuda/access.h"
#include "host_cuda/race/shadow_memory.h"

namespace host_cuda {

/// Finds accesses to the same memory, at least one of them a write and not both atomic, by two threads that nothing
/// orders: no __syncthreads() between them, nor, for threads of one warp, a __syncwarp(), nor, for shared memory, the
/// end of a block. Whether they happened to fall into a right order makes no difference. Beside these: reads of shared
/// memory that its block has not written, and accesses to where a cp.async writes before it is waited for.
///
/// Not known to it: order by atomics and fences alone, which it reports although it may be right; and that a
/// __syncwarp() of some lanes does not order the others.
class RaceFinder {
 public:
  /// `now`: the access without its instruction; `shared`: whether this is shared memory.
  void access(ShadowMemory& shadow, std::uintptr_t address, std::size_t bytes, Access access, const Stamp& now,
              bool shared);
  void copy_issued(ShadowMemory& shadow, std::uintptr_t to, std::size_t bytes, const Stamp& now);
  void copy_waited_for(ShadowMemory& shadow, std::uintptr_t to, std::size_t bytes, const Stamp& now);

  void clear();

  /// One line for each pair of instructions that was found, the first few of them; empty where all is well.
  std::string report(const Instructions& instructions) const;

 private:
  void check(const Cell& cell, Access access, const Stamp& now, bool shared);
  void found(const char* what, const Stamp& now, const Stamp& before);

  struct Finding {
    const char* what;
    Stamp now, before;
  };
  std::vector<Finding> findings_;
  std::set<std::pair<Instructions::Number, Instructions::Number>> reported_;
  std::size_t count_ = 0;
};

}  // namespace host_cuda
