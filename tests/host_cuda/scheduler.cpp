#include "host_cuda/scheduler.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

#include "host_cuda/access.h"
#include "host_cuda/shared_memory.h"

namespace host_cuda {
namespace {

bool same(const std::source_location& a, const std::source_location& b) {
  return a.line() == b.line() && (a.file_name() == b.file_name() || std::strcmp(a.file_name(), b.file_name()) == 0);
}

std::string to_string(uint3 index) {
  return "(" + std::to_string(index.x) + ", " + std::to_string(index.y) + ", " + std::to_string(index.z) + ")";
}

std::string hexadecimal(unsigned mask) {
  std::string digits;
  for (int shift = 28; shift >= 0; shift -= 4) digits += "0123456789abcdef"[mask >> shift & 15];
  return "0x" + digits;
}

unsigned size(dim3 extents) { return extents.x * extents.y * extents.z; }

uint3 position(unsigned linear, dim3 extents) {
  return {linear % extents.x, linear / extents.x % extents.y, linear / extents.x / extents.y};
}

/// What a device of compute capability 8.0 can launch, with `shared_memory_limit`.
void check_launch(const char* kernel_name, dim3 grid, dim3 block, std::size_t shared_bytes) {
  constexpr unsigned most_blocks_in_y_or_z = 65535;
  const auto refuse = [&](const std::string& why) { throw KernelError(std::string(kernel_name) + ": " + why); };
  if (size(block) < 1 || size(block) > kMaximumThreads) {
    refuse("a block has 1 to 1024 threads, not " + std::to_string(size(block)));
  }
  if (size(grid) < 1 || grid.y > most_blocks_in_y_or_z || grid.z > most_blocks_in_y_or_z) {
    refuse("a grid has at least one block, and at most 65535 in y and z, not " + to_string(uint3(grid)));
  }
  if (shared_bytes > scheduler.shared_memory_limit) {
    refuse("a block has at most " + std::to_string(scheduler.shared_memory_limit) + " bytes of shared memory, not " +
           std::to_string(shared_bytes));
  }
}

}  // namespace

Scheduler scheduler;

std::size_t shared_memory_limit() { return scheduler.shared_memory_limit; }

ScopedSharedMemoryLimit::ScopedSharedMemoryLimit(std::size_t bytes)
    : previous_(std::exchange(scheduler.shared_memory_limit, bytes)) {}

ScopedSharedMemoryLimit::~ScopedSharedMemoryLimit() { scheduler.shared_memory_limit = previous_; }

ScopedSchedule::ScopedSchedule(Schedule schedule) : previous_(std::exchange(scheduler.schedule, schedule)) {}

ScopedSchedule::~ScopedSchedule() { scheduler.schedule = previous_; }

std::string described(std::source_location place) {
  return std::string(place.file_name()) + ":" + std::to_string(place.line());
}

uint3 thread_index() { return scheduler.current().index; }
uint3 block_index() { return scheduler.block().index; }
dim3 block_size() { return scheduler.block_size(); }
dim3 grid_size() { return scheduler.grid_size(); }
unsigned lane_index() { return scheduler.current().lane; }
std::byte* dynamic_shared_memory() { return scheduler.block().dynamic_shared.data(); }

void Scheduler::launch(const char* kernel_name, dim3 grid, dim3 block, std::size_t shared_bytes, Kernel kernel) {
  kernel_name_ = kernel_name;
  check_launch(kernel_name, grid, block, shared_bytes);
  if (plan != nullptr) {
    plan->push_back({kernel_name, grid, block, shared_bytes});
    return;
  }
  grid_size_ = grid;
  block_size_ = block;
  kernel_ = kernel;
  random_.seed(schedule.seed);
  failure_ = nullptr;
  completing_ = false;

  std::vector<unsigned> blocks(size(grid));
  std::iota(blocks.begin(), blocks.end(), 0u);
  if (schedule.order == Order::kReverse) std::reverse(blocks.begin(), blocks.end());
  if (schedule.order == Order::kRandom) std::shuffle(blocks.begin(), blocks.end(), random_);

  const DynamicSharedMemory shared(shared_bytes);
  block_.static_shared = static_shared_memory();
  block_.dynamic_shared = shared.bytes();
  record_launch_begin();
  for (unsigned linear : blocks) {
    block_.index = position(linear, grid);
    poison(block_.static_shared);
    poison(block_.dynamic_shared);
    begin_block();
    run_block();
    record_block_end();
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }
  if (const char* report = record_launch_end()) throw KernelError(std::string(kernel_name) + ": " + report);
}

void Scheduler::begin_block() {
  const unsigned threads = size(block_size_);
  block_.threads.resize(threads);
  block_.warps.assign((threads + kWarpSize - 1) / kWarpSize, {});
  block_.at_barrier = 0;
  block_.epoch = 0;
  for (unsigned i = 0; i < threads; ++i) {
    Thread& thread = block_.threads[i];
    thread.index = position(i, block_size_);
    thread.linear_index = i;
    thread.lane = i % kWarpSize;
    thread.warp = &block_.warps[i / kWarpSize];
    thread.warp->lanes |= 1u << thread.lane;
    thread.state = Thread::State::kReady;
    thread.copies = {};
    thread.fiber.start(stacks_[i], thread_entry);
  }
}

void Scheduler::thread_entry() {
  Thread& thread = scheduler.current();
  thread.fiber.entered();
  try {
    scheduler.kernel_.call(scheduler.kernel_.context);
  } catch (...) {
    scheduler.failure_ = std::current_exception();  // to be thrown on the stack that launched
  }
  thread.state = Thread::State::kEnded;
  thread.fiber.finish();
}

void Scheduler::run_block() {
  std::vector<unsigned> order(block_.warps.size());
  std::iota(order.begin(), order.end(), 0u);
  if (schedule.order == Order::kReverse) std::reverse(order.begin(), order.end());
  for (bool progress = true; progress && !failure_;) {
    if (schedule.order == Order::kRandom) std::shuffle(order.begin(), order.end(), random_);
    progress = false;
    for (unsigned warp : order) {
      progress |= run_warp(block_.warps[warp], warp * kWarpSize);
      if (failure_) return;
    }
  }
  check_progress();
}

/// Lets lanes run until none can. Returns whether any could.
bool Scheduler::run_warp(Warp& warp, unsigned first_thread) {
  const bool random = schedule.order == Order::kRandom;
  unsigned rounds = random ? 1 + random_() % 64 : std::numeric_limits<unsigned>::max();
  bool ran = false;
  for (bool again = true; again && rounds > 0; --rounds) {
    again = false;
    // An odd step visits every lane once, in an order that a random step and start change from round to round.
    const unsigned start = random ? random_() : schedule.order == Order::kReverse ? kWarpSize - 1 : 0;
    const unsigned step = random ? random_() | 1 : schedule.order == Order::kReverse ? kWarpSize - 1 : 1;
    for (unsigned i = 0; i < kWarpSize; ++i) {
      const unsigned lane = (start + i * step) % kWarpSize;
      if ((warp.lanes >> lane & 1) == 0) continue;
      Thread& thread = block_.threads[first_thread + lane];
      if (thread.state != Thread::State::kReady) continue;
      current_ = &thread;
      thread.fiber.resume();
      current_ = nullptr;
      if (failure_) return true;
      ran = again = true;
    }
  }
  return ran;
}

/// When no thread can run, all must have ended.
void Scheduler::check_progress() const {
  std::size_t ended = 0;
  std::vector<std::pair<std::source_location, std::vector<const Thread*>>> waiting;
  for (const Thread& thread : block_.threads) {
    if (thread.state == Thread::State::kEnded) {
      ++ended;
      continue;
    }
    auto at = std::find_if(waiting.begin(), waiting.end(),
                           [&](const auto& place) { return same(place.first, thread.waits_at); });
    if (at == waiting.end()) at = waiting.insert(at, {thread.waits_at, {}});
    at->second.push_back(&thread);
  }
  if (waiting.empty()) return;
  std::string error = std::string(kernel_name_) + ", block " + to_string(block_.index) + ": no thread can go on;";
  for (const auto& [place, threads] : waiting) {
    error += " " + std::to_string(threads.size()) + " wait at " + described(place) + ", thread " +
             to_string(threads.front()->index) + " the first of them;";
  }
  throw KernelError(error + " " + std::to_string(ended) + " have ended");
}

void Scheduler::wait(std::source_location place) {
  current_->state = Thread::State::kWaiting;
  current_->waits_at = place;
  current_->fiber.suspend();
}

void Scheduler::meet_block(std::source_location place) {
  if (block_.at_barrier > 0 && !same(block_.barrier, place)) {
    fail("divergent barrier: other threads are at " + described(block_.barrier) + ", this one is", place);
  }
  block_.barrier = place;
  if (++block_.at_barrier < block_.threads.size()) return wait(place);
  block_.at_barrier = 0;
  ++block_.epoch;
  for (Thread& thread : block_.threads) thread.state = Thread::State::kReady;
}

void Scheduler::meet_lanes(unsigned mask, void* argument, Complete complete, std::source_location place) {
  Warp& warp = *current_->warp;
  const unsigned lane = 1u << current_->lane;
  if ((mask & lane) == 0) {
    fail("lane " + std::to_string(current_->lane) + " is not in its own mask " + hexadecimal(mask), place);
  }
  if ((mask & ~warp.lanes) != 0) {
    fail("the mask " + hexadecimal(mask) + " names lanes that the block does not have", place);
  }
  auto meeting =
      std::find_if(warp.meetings.begin(), warp.meetings.end(), [&](const Meeting& m) { return m.mask == mask; });
  if (meeting == warp.meetings.end()) meeting = warp.meetings.insert(meeting, Meeting{mask, 0, place, {}});
  if (meeting->present != 0 && !same(meeting->place, place)) {
    fail("divergent warp: other lanes of the mask are at " + described(meeting->place) + ", this one is", place);
  }
  meeting->place = place;
  meeting->arguments[current_->lane] = argument;
  meeting->present |= lane;
  if (meeting->present != mask) return wait(place);
  meeting->present = 0;
  completing_ = true;
  complete(meeting->arguments, mask);
  completing_ = false;
  const unsigned first_thread = current_->linear_index - current_->lane;
  for (unsigned others = mask & ~lane; others != 0; others &= others - 1) {
    block_.threads[first_thread + static_cast<unsigned>(std::countr_zero(others))].state = Thread::State::kReady;
  }
}

void Scheduler::fail(const std::string& what, std::source_location place) {
  throw KernelError(std::string(kernel_name_) + ", block " + to_string(block_.index) + ", thread " +
                    to_string(current_->index) + ": " + what + " at " + described(place));
}

}  // namespace host_cuda
