#pragma once

#include <array>
#include <atomic>
#include <csignal>
#include <thread>

namespace infini {

/// While this object lives, a request to stop does not end the process: it sets a flag. Requests are SIGINT, SIGTERM,
/// SIGHUP, SIGUSR1 (SLURM's warning), and a pipe at standard error whose reader has gone away. The last one counts as
/// SIGPIPE, and writing to such a pipe does nothing. A second SIGINT or SIGTERM ends the process at once. A second
/// SIGHUP or SIGUSR1 does not: a terminal that closes sends several signals. Under nohup SIGHUP stays ignored. Only one
/// such object may live at a time.
///
/// Make it before any other thread. It blocks the signals in this thread and in all threads that this thread starts, so
/// no handler runs there. A handler could interrupt a matrix product. oneDNN's older float kernels keep values in the
/// place where the system writes the handler's frame, so the heap would be damaged. A thread that was started earlier
/// may still run a handler.
class SignalFlag {
 public:
  SignalFlag();
  ~SignalFlag();
  SignalFlag(const SignalFlag&) = delete;
  SignalFlag& operator=(const SignalFlag&) = delete;

  /// The first request, or 0 if there is none. Also sees a signal that this thread has sent to itself.
  int signal();

  /// Whether a request has come. For long loops: any thread may call this often, since it makes no system call. The
  /// answer is at most a few hundredths of a second old.
  bool requested() const { return signal_.load(std::memory_order_relaxed) != 0; }

 private:
  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};

  void watch();
  void take(int signal);

  sigset_t awaited_{};
  sigset_t previous_mask_{};
  std::array<struct sigaction, kSignals.size()> previous_{};
  struct sigaction previous_pipe_ {};
  std::atomic<int> signal_ = 0;
  std::atomic<bool> hard_ = false;  ///< SIGINT or SIGTERM has come
  std::atomic<bool> ending_ = false;
  std::thread watcher_;  ///< takes the signals that are sent to the process
};

}  // namespace infini
