#include "host_cuda/fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <new>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#ifndef __x86_64__
#include <ucontext.h>
#endif

namespace host_cuda {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kStackBytes = 64 * kPage;

}  // namespace

#ifdef __x86_64__

// Saves what a function call must preserve, exchanges the stacks, restores. A switch costs some 6 ns; swapcontext(),
// which asks the kernel for the signal mask each time, 700 ns.
asm(R"(
.text
.type host_cuda_switch_stack,@function
host_cuda_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size host_cuda_switch_stack,.-host_cuda_switch_stack
)");
extern "C" void host_cuda_switch_stack(void** saved_stack_pointer, void* next_stack_pointer);

namespace {

void* first_frame(std::span<std::byte> stack, void (*entry)()) {
  constexpr int kSavedRegisters = 6;
  void** top = reinterpret_cast<void**>(stack.data() + stack.size());
  *--top = nullptr;  // where `entry` would return to; it also aligns the stack as at a function's first instruction
  *--top = reinterpret_cast<void*>(entry);
  for (int i = 0; i < kSavedRegisters; ++i) *--top = nullptr;
  return top;
}

void switch_stack(void** saved, void* next) { host_cuda_switch_stack(saved, next); }

}  // namespace

#else

namespace {

// On other processors: each saved "stack pointer" is a context of the C library.
void* first_frame(std::span<std::byte> stack, void (*entry)()) {
  auto* context = reinterpret_cast<ucontext_t*>(stack.data());
  getcontext(context);
  context->uc_stack.ss_sp = stack.data() + sizeof(ucontext_t);
  context->uc_stack.ss_size = stack.size() - sizeof(ucontext_t);
  context->uc_link = nullptr;
  makecontext(context, entry, 0);
  return context;
}

void switch_stack(void** saved, void* next) {
  ucontext_t here;
  *saved = &here;
  swapcontext(&here, static_cast<ucontext_t*>(next));
}

}  // namespace

#endif

void Fiber::start(std::span<std::byte> stack, void (*entry)()) {
  stack_ = stack;
#ifdef __SANITIZE_ADDRESS__
  ASAN_UNPOISON_MEMORY_REGION(stack.data(), stack.size());  // a fiber that was given up left its red zones behind
#endif
  stack_pointer_ = first_frame(stack, entry);
}

void Fiber::resume() {
#ifdef __SANITIZE_ADDRESS__
  void* left = nullptr;
  __sanitizer_start_switch_fiber(&left, stack_.data(), stack_.size());
#endif
  switch_stack(&resumer_stack_pointer_, stack_pointer_);
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(left, nullptr, nullptr);
#endif
}

void Fiber::suspend() {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(&left_stack_, resumer_stack_, resumer_stack_bytes_);
#endif
  switch_stack(&stack_pointer_, resumer_stack_pointer_);
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(left_stack_, &resumer_stack_, &resumer_stack_bytes_);
#endif
}

void Fiber::entered() {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(nullptr, &resumer_stack_, &resumer_stack_bytes_);
#endif
}

void Fiber::finish() {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(nullptr, resumer_stack_, resumer_stack_bytes_);
#endif
  switch_stack(&stack_pointer_, resumer_stack_pointer_);
  std::abort();
}

FiberStacks::FiberStacks(std::size_t count) : bytes_(count * (kStackBytes + kPage)) {
  void* memory =
      mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  begin_ = static_cast<std::byte*>(memory);
  for (std::size_t i = 0; i < count; ++i) mprotect(begin_ + i * (kStackBytes + kPage), kPage, PROT_NONE);
}

FiberStacks::~FiberStacks() { munmap(begin_, bytes_); }

std::span<std::byte> FiberStacks::operator[](std::size_t index) const {
  return {begin_ + index * (kStackBytes + kPage) + kPage, kStackBytes};
}

}  // namespace host_cuda
