#include "train/signal_flag.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <iostream>

namespace infini {
namespace {

// A global, because a signal handler cannot reach an object.
std::atomic<int> received_elsewhere = 0;
static_assert(std::atomic<int>::is_always_lock_free);

void remember(int signal) { received_elsewhere = signal; }

/// A terminal needs no check: it sends SIGHUP when it closes.
bool is_pipe(int descriptor) {
  struct stat status {};
  return fstat(descriptor, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

/// Whether the reader of this pipe or socket has gone away.
bool has_lost_its_reader(int pipe) {
  pollfd asked{.fd = pipe, .events = 0, .revents = 0};
  return poll(&asked, 1, 0) == 1 && (asked.revents & (POLLERR | POLLHUP)) != 0;
}

}  // namespace

SignalFlag::SignalFlag() {
  sigemptyset(&awaited_);
  for (size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], nullptr, &previous_[i]);
    if (kSignals[i] == SIGHUP && previous_[i].sa_handler == SIG_IGN) continue;  // nohup
    sigaddset(&awaited_, kSignals[i]);
  }
  pthread_sigmask(SIG_BLOCK, &awaited_, &previous_mask_);
  received_elsewhere = 0;
  struct sigaction action {};
  action.sa_handler = remember;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : kSignals) {
    if (sigismember(&awaited_, signal) == 1) sigaction(signal, &action, nullptr);
  }
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, &previous_pipe_);
  watcher_ = std::thread([this] { watch(); });
}

SignalFlag::~SignalFlag() {
  ending_ = true;
  watcher_.join();
  constexpr timespec kNow{};
  while (sigtimedwait(&awaited_, nullptr, &kNow) > 0) continue;  // drop late requests: the work is ending anyway
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &previous_[i], nullptr);
  sigaction(SIGPIPE, &previous_pipe_, nullptr);
  pthread_sigmask(SIG_SETMASK, &previous_mask_, nullptr);
}

void SignalFlag::watch() {
  constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 20'000'000};
  bool watches_reader = is_pipe(STDERR_FILENO);
  while (!ending_) {
    if (const int received = sigtimedwait(&awaited_, nullptr, &kPause); received > 0) take(received);
    if (const int received = received_elsewhere.exchange(0); received > 0) take(received);
    if (watches_reader && has_lost_its_reader(STDERR_FILENO)) {
      take(SIGPIPE);
      watches_reader = false;
    }
  }
}

void SignalFlag::take(int signal) {
  int none = 0;
  signal_.compare_exchange_strong(none, signal);
  if (signal != SIGINT && signal != SIGTERM) return;
  if (!hard_.exchange(true)) return;
  // Checkpoints appear whole or not at all, so only the current step is lost.
  std::cerr << "\ninfini: stopped at once by a second signal; what was trained since the last checkpoint is lost\n";
  std::_Exit(128 + signal);
}

int SignalFlag::signal() {
  constexpr timespec kNow{};
  if (const int received = received_elsewhere.exchange(0); received > 0) take(received);
  if (const int received = sigtimedwait(&awaited_, nullptr, &kNow); received > 0) take(received);
  return signal_;
}

}  // namespace infini
