#pragma once

#include <cstdint>
#include <functional>

namespace host_cuda {

/// Accesses of kernels to global memory: all that is neither shared memory nor a thread's own variables.
struct GlobalTraffic {
  /// What the threads asked for, summed over threads.
  std::uint64_t bytes = 0;
  /// Load or store instructions of warps: the accesses of the lanes of a warp by the same instruction, the n-th time
  /// each executes it since the last barrier.
  std::uint64_t requests = 0;
  /// 32-byte sectors of a request, summed over requests: what an L1 cache that never hits asks the L2 cache for.
  std::uint64_t sectors = 0;
  /// Different sectors of a launch, summed over launches: what moves between DRAM and an L2 cache that holds
  /// everything.
  std::uint64_t distinct_sectors = 0;
};

struct SharedTraffic {
  std::uint64_t requests = 0;
  /// Cycles that requests need beyond the fewest for their width: 32 banks of 4 bytes, each of which serves one word at
  /// a time; lanes that read the same word share it. A request of 8 bytes a lane is served half a warp at a time, one
  /// of 16 bytes a quarter at a time.
  std::uint64_t bank_conflicts = 0;
};

/// Reads and writes, counted where the compiler put them: a vector of up to 16 bytes that is copied whole is one
/// access. Atomics count as both a read and a write. A cp.async counts as a global read and a shared write; fragments
/// are taken to be loaded by ldmatrix, 16 bytes a lane, and stored two elements a lane.
struct Traffic {
  GlobalTraffic read, written;
  SharedTraffic shared_read, shared_written;
};

/// Counts what the launches in `launches` move. Only in the race build.
Traffic measure(const std::function<void()>& launches);

}  // namespace host_cuda
