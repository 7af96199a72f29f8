#pragma once

#include <atomic>
#include <csignal>
#include <thread>

namespace infini {

/// While it lives, a first SIGINT or SIGTERM does not end the process but waits to be asked for; a second one ends it
/// at once, for whoever does not want to wait. One at a time.
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
  void watch();

  sigset_t previous_mask_{};
  struct sigaction previous_interrupt_ {};
  struct sigaction previous_terminate_ {};
  std::atomic<int> signal_ = 0;
  std::atomic<bool> ending_ = false;
  std::thread watcher_;  ///< takes what is sent to the process
};

}  // namespace infini
