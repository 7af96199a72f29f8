#pragma once

#include <vector_types.h>

#include <array>
#include <cstddef>
#include <exception>
#include <random>
#include <source_location>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "host_cuda/asynchronous_copy.h"
#include "host_cuda/fiber.h"
#include "host_cuda/plan.h"
#include "host_cuda/schedule.h"

namespace host_cuda {

inline constexpr unsigned kWarpSize = 32;
inline constexpr unsigned kMaximumThreads = 1024;
inline constexpr unsigned kAllLanes = 0xffffffffu;

/// What a launch throws when the kernel did something that a device forbids or leaves undefined.
struct KernelError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Lanes of one mask that have come to the same place. The last one to come completes the operation for all.
struct Meeting {
  unsigned mask = 0;
  unsigned present = 0;
  std::source_location place;
  std::array<void*, kWarpSize> arguments{};
};

struct Warp {
  unsigned lanes = 0;
  /// How many __syncwarp() of all its lanes, or of a part of them, have been passed since the block began.
  unsigned epoch = 0;
  std::vector<Meeting> meetings;
};

struct Thread {
  enum class State { kReady, kWaiting, kEnded };

  uint3 index{};
  unsigned linear_index = 0;
  unsigned lane = 0;
  Warp* warp = nullptr;
  State state = State::kReady;
  std::source_location waits_at;
  AsynchronousCopies copies;
  Fiber fiber;
};

/// The block that is being executed. One block runs at a time, one of its threads at a time.
struct Block {
  uint3 index{};
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  unsigned at_barrier = 0;
  std::source_location barrier;
  /// How many __syncthreads() have been passed since the block began.
  unsigned epoch = 0;
  std::span<std::byte> static_shared, dynamic_shared;
};

/// What each thread of a launch executes.
struct Kernel {
  void (*call)(const void* context) = nullptr;
  const void* context = nullptr;
};

/// Executes the threads of a launch as fibers. There is one, as there is one device.
class Scheduler {
 public:
  /// Completes an operation of a warp: has the `argument` of each lane of `mask`, in the order of lanes.
  using Complete = void (*)(const std::array<void*, kWarpSize>& arguments, unsigned mask);

  /// Runs all blocks. Throws KernelError.
  void launch(const char* kernel_name, dim3 grid, dim3 block, std::size_t shared_bytes, Kernel kernel);

  // From outside of kernels:
  Schedule schedule;
  /// The dynamic shared memory that a block may have: at first that of compute capability 8.0.
  std::size_t shared_memory_limit = 163 * 1024;
  /// Where launches are put instead of being executed.
  std::vector<Launch>* plan = nullptr;

  // From inside of kernels:
  /// Whether a thread is executing the kernel itself, and not an operation of the harness.
  bool in_kernel() const { return current_ != nullptr && !completing_; }
  Thread& current() { return *current_; }
  Block& block() { return block_; }
  dim3 grid_size() const { return grid_size_; }
  dim3 block_size() const { return block_size_; }
  std::mt19937& random() { return random_; }
  const FiberStacks& stacks() const { return stacks_; }

  /// Waits for all threads of the block.
  void meet_block(std::source_location place);

  /// Waits for the lanes of `mask`; the last of them calls `complete`.
  void meet_lanes(unsigned mask, void* argument, Complete complete, std::source_location place);

  /// Gives the launch up. Throws KernelError, through the kernel and then from launch(); says which thread did what.
  [[noreturn]] void fail(const std::string& what, std::source_location place);

 private:
  static void thread_entry();
  void wait(std::source_location place);
  void run_block();
  bool run_warp(Warp& warp, unsigned first_thread);
  void check_progress() const;
  void begin_block();

  dim3 grid_size_, block_size_;
  Kernel kernel_;
  const char* kernel_name_ = "";
  Block block_;
  Thread* current_ = nullptr;
  bool completing_ = false;
  std::exception_ptr failure_;
  std::mt19937 random_;
  FiberStacks stacks_{kMaximumThreads};
};

extern Scheduler scheduler;

std::string described(std::source_location place);

// Where the current thread stands. Not inline: what is compiled into kernels is recorded as theirs.

[[gnu::pure]] uint3 thread_index();
[[gnu::pure]] uint3 block_index();
[[gnu::pure]] dim3 block_size();
[[gnu::pure]] dim3 grid_size();
[[gnu::pure]] unsigned lane_index();
[[gnu::pure]] std::byte* dynamic_shared_memory();

}  // namespace host_cuda
