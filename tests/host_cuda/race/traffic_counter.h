#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "host_cuda/access.h"
#include "host_cuda/race/shadow_memory.h"
#include "host_cuda/race/traffic.h"

namespace host_cuda {

/// Puts the accesses of threads together to the requests of warps, and counts them.
class TrafficCounter {
 public:
  void access(ShadowMemory& shadow, std::uintptr_t address, std::size_t bytes, Access access, const Stamp& now,
              bool shared);

  /// Counts the requests that only some lanes have made.
  void end_block();

  Traffic traffic;

 private:
  struct Request {
    std::array<std::uintptr_t, 32> addresses;
    std::uint32_t lanes = 0;
    std::uint32_t bytes = 0;
    Access access{};
    bool shared = false;
  };
  /// How often a thread has executed an instruction since the barrier that began its phase.
  struct Executions {
    std::uint32_t phase = 0, count = 0;
  };

  void count(const Request& request);

  /// By thread of the block, then by instruction.
  std::vector<std::vector<Executions>> executions_;
  std::unordered_map<std::uint64_t, Request> requests_;
};

}  // namespace host_cuda
