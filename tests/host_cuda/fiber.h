#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace host_cuda {

/// A function with a stack of its own, which can be left in the middle and entered again. All run on one CPU thread.
class Fiber {
 public:
  /// Prepares the fiber to begin with `entry` on `stack`. `entry` must not return: it ends with finish().
  void start(std::span<std::byte> stack, void (*entry)());

  /// Runs the fiber until it suspends or finishes. Called from outside of all fibers.
  void resume();

  /// Leaves the fiber: the call to resume() returns. Called from inside.
  void suspend();

  /// Must be the first statement of `entry`: tells AddressSanitizer that the stack has changed.
  void entered();

  [[noreturn]] void finish();

 private:
  std::span<std::byte> stack_;
  void* stack_pointer_ = nullptr;
  void* resumer_stack_pointer_ = nullptr;
  /// AddressSanitizer's own record of the stack that was left.
  void* left_stack_ = nullptr;
  const void* resumer_stack_ = nullptr;
  std::size_t resumer_stack_bytes_ = 0;
};

/// Stacks for fibers, each with a page below it that may not be touched, so that an overflow ends the process.
class FiberStacks {
 public:
  explicit FiberStacks(std::size_t count);
  ~FiberStacks();
  FiberStacks(const FiberStacks&) = delete;
  FiberStacks& operator=(const FiberStacks&) = delete;

  std::span<std::byte> operator[](std::size_t index) const;

  bool contains(const void* address) const { return address >= begin_ && address < begin_ + bytes_; }

 private:
  std::byte* begin_;
  std::size_t bytes_;
};

}  // namespace host_cuda
