#pragma once

#include <cstddef>
#include <vector>

namespace host_cuda {

/// In which order threads, warps and blocks run. Forward and reverse run one warp as far as it can go before the next,
/// so that warps are as far apart as barriers allow; random changes at every turn.
enum class Order { kForward, kReverse, kRandom };

/// When the copy of a cp.async takes place: when it is waited for, at once, or either, by chance for each.
enum class Landing { kLate, kEarly, kRandom };

/// One of the ways in which a device might execute a launch.
struct Schedule {
  Order order = Order::kForward;
  Landing landing = Landing::kLate;
  unsigned seed = 1;
};

/// The ways in which every kernel is to be run.
inline std::vector<Schedule> all_schedules() {
  return {{Order::kForward, Landing::kLate},
          {Order::kReverse, Landing::kEarly},
          {Order::kReverse, Landing::kLate},
          {Order::kRandom, Landing::kRandom}};
}

/// Launches follow `schedule` while this lives.
class ScopedSchedule {
 public:
  explicit ScopedSchedule(Schedule schedule);
  ~ScopedSchedule();
  ScopedSchedule(const ScopedSchedule&) = delete;
  ScopedSchedule& operator=(const ScopedSchedule&) = delete;

 private:
  Schedule previous_;
};

/// The dynamic shared memory that a block may have.
std::size_t shared_memory_limit();

/// A block may have `bytes` of it while this lives: for the kernels' forms for devices that give less.
class ScopedSharedMemoryLimit {
 public:
  explicit ScopedSharedMemoryLimit(std::size_t bytes);
  ~ScopedSharedMemoryLimit();
  ScopedSharedMemoryLimit(const ScopedSharedMemoryLimit&) = delete;
  ScopedSharedMemoryLimit& operator=(const ScopedSharedMemoryLimit&) = delete;

 private:
  std::size_t previous_;
};

}  // namespace host_cuda
