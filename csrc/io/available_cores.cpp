#include "io/available_cores.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

namespace infini {
namespace {

namespace fs = std::filesystem;

std::string cores(int64_t count) { return std::to_string(count) + (count == 1 ? " core" : " cores"); }

/// If one of these variables is set, OpenMP ties the thread that loads it to one core. The thread's mask then says
/// nothing about the process.
bool openmp_binds_threads() {
  const char* const bind = std::getenv("OMP_PROC_BIND");
  return (bind != nullptr && std::string_view(bind) != "false") || std::getenv("OMP_PLACES") != nullptr ||
         std::getenv("GOMP_CPU_AFFINITY") != nullptr;
}

/// The cores of this thread's affinity mask, if it can be read.
std::optional<int64_t> cores_of_affinity() {
  if (openmp_binds_threads()) return std::nullopt;
  // The kernel refuses a mask that is shorter than its own.
  for (size_t sets = 1; sets <= 64; sets *= 2) {
    std::vector<cpu_set_t> mask(sets);
    if (sched_getaffinity(0, sets * sizeof(cpu_set_t), mask.data()) == 0) {
      return CPU_COUNT_S(sets * sizeof(cpu_set_t), mask.data());
    }
    if (errno != EINVAL) return std::nullopt;
  }
  return std::nullopt;
}

/// A whole number of at least 1 from an environment variable. OMP_NUM_THREADS may be a list with one number for each
/// level of nested threads; the first number is for ours.
std::optional<int64_t> number_in_environment(const char* name) {
  const char* const text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  const std::string_view words = text;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(words.begin(), words.end(), value);
  const bool whole = end == words.end() || *end == ',';
  return error == std::errc() && whole && value >= 1 ? std::optional(value) : std::nullopt;
}

/// The folder of a control group, and the folders above it up to the mount: a group's limit holds for all groups below
/// it. A container may have only the mount itself.
std::vector<fs::path> group_and_above(const fs::path& mount, const fs::path& group) {
  std::vector<fs::path> folders = {mount};
  for (const fs::path& name : group.relative_path()) {
    if (name == "..") return {mount};  // the group lies outside of what this container sees
    folders.push_back(folders.back() / name);
  }
  return folders;
}

/// The quota of one group of version 2: "200000 100000", or "max 100000" for none.
double quota_of_version_2(const fs::path& folder) {
  std::string quota;
  double period = 0;
  std::ifstream(folder / "cpu.max") >> quota >> period;
  const double microseconds = std::strtod(quota.c_str(), nullptr);
  return microseconds > 0 && period > 0 ? microseconds / period : std::numeric_limits<double>::infinity();
}

/// The quota of one group of version 1. A negative number means none.
double quota_of_version_1(const fs::path& folder) {
  double quota = 0, period = 0;
  std::ifstream(folder / "cpu.cfs_quota_us") >> quota;
  std::ifstream(folder / "cpu.cfs_period_us") >> period;
  return quota > 0 && period > 0 ? quota / period : std::numeric_limits<double>::infinity();
}

/// The cores that the control groups allow; infinite without a quota.
double cores_of_control_groups(const fs::path& root) {
  const fs::path mounts = root / "sys/fs/cgroup";
  double least = std::numeric_limits<double>::infinity();
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "4:cpu,cpuacct:/group", or "0::/group" for version 2
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const fs::path group = line.substr(second + 1);
    if (controllers.empty()) {
      for (const fs::path& folder : group_and_above(mounts, group)) least = std::min(least, quota_of_version_2(folder));
    } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      for (const std::string& name : {controllers, std::string("cpu")}) {
        for (const fs::path& folder : group_and_above(mounts / name, group)) {
          least = std::min(least, quota_of_version_1(folder));
        }
      }
    }
  }
  return least;
}

}  // namespace

AvailableCores available_cores(const fs::path& root) {
  const int64_t machine = std::max<int64_t>(1, sysconf(_SC_NPROCESSORS_ONLN));
  AvailableCores least{machine, "the machine has " + cores(machine)};
  const auto limit = [&](std::optional<int64_t> count, const std::string& reason) {
    if (count && *count < least.count) least = {*count, reason};
  };
  const std::optional<int64_t> affinity = cores_of_affinity();
  if (affinity) limit(affinity, "the process may run on " + std::to_string(*affinity) + " of " + cores(machine));
  const double quota = cores_of_control_groups(root);
  if (std::isfinite(quota)) {
    // Two threads that share 1.5 cores get more done than one thread.
    limit(static_cast<int64_t>(std::ceil(quota)),
          "the control group's CPU quota is " + std::to_string(quota).substr(0, 4) + " of " + cores(machine));
  }
  for (const char* name : {"SLURM_CPUS_PER_TASK", "OMP_NUM_THREADS"}) {
    const std::optional<int64_t> number = number_in_environment(name);
    if (number) limit(number, std::string(name) + " is " + std::to_string(*number));
  }
  return least;
}

}  // namespace infini
