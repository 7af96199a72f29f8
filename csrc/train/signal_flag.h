#pragma once

#include <array>
#include <atomic>
#include <csignal>
#include <thread>

namespace infini {

/// While it lives, a request to stop does not end the process but waits to be asked for. Requests are SIGINT, SIGTERM,
/// SIGHUP, SIGUSR1 (SLURM's warning), and a pipe at standard error that nobody reads any more. The last counts as
/// SIGPIPE, and writing to such a pipe does nothing. A second SIGINT or SIGTERM ends the process at once, for whoever
/// does not want to wait. The others never do: a terminal that closes sends several of them. SIGHUP stays ignored under
/// nohup. One at a time.
///
/// Make it before any other thread. It blocks the signals in this thread and in those that this thread starts, so no
/// handler runs there. A handler could interrupt a matrix product, where oneDNN's older float kernels keep values in
/// the place that the system writes a handler's frame to: the heap would be damaged. A thread that was there before may
/// run a handler.
class SignalFlag {
 public:
  SignalFlag();
  ~SignalFlag();
  SignalFlag(const SignalFlag&) = delete;
  SignalFlag& operator=(const SignalFlag&) = delete;

  /// The first request that came, or 0. Sees also a signal that this thread has sent to itself.
  int signal();

  /// Whether a request has come. For loops that run long: any thread may ask, as often as it likes, and no system call
  /// is made. The answer is at most a few hundredths of a second old.
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
  std::thread watcher_;  ///< takes what is sent to the process
};

}  // namespace infini
