#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace infini {

/// How many threads this process should start, and which limit decided.
struct AvailableCores {
  int64_t count = 1;   ///< at least 1
  std::string reason;  ///< a phrase such as "OMP_NUM_THREADS is 1" or "the machine has 8 cores"
};

/// The smallest of these limits: the cores of the machine, the process's CPU affinity (taskset, cpusets), the CPU quota
/// of its control group and of the groups above (versions 1 and 2; part of a core counts as one), OMP_NUM_THREADS and
/// SLURM_CPUS_PER_TASK. A limit that is missing or cannot be read is left out. proc/self/cgroup and sys/fs/cgroup are
/// read below `root`.
AvailableCores available_cores(const std::filesystem::path& root = "/");

}  // namespace infini
