#pragma once

#include <csignal>

namespace infini {

/// While it lives, SIGINT and SIGTERM do not end the process but wait to be asked for. One at a time.
///
/// They are blocked in this thread and in those that it starts, so make it before any other: no handler runs there, as
/// it could in the midst of a matrix product, where oneDNN's older float kernels keep values in the place that the
/// system writes a handler's frame to, and the heap is damaged. A thread that was there before may run one.
class SignalFlag {
 public:
  SignalFlag();
  ~SignalFlag();
  SignalFlag(const SignalFlag&) = delete;
  SignalFlag& operator=(const SignalFlag&) = delete;

  /// The signal that came, or 0.
  int signal();

 private:
  sigset_t previous_mask_{};
  struct sigaction previous_interrupt_ {};
  struct sigaction previous_terminate_ {};
  int signal_ = 0;
};

}  // namespace infini
