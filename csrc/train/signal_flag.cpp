#include "train/signal_flag.h"

#include <cstdlib>
#include <ctime>
#include <iostream>

namespace infini {
namespace {

// A signal handler reaches nothing but this.
volatile std::sig_atomic_t received_elsewhere = 0;

void remember(int signal) { received_elsewhere = signal; }

sigset_t awaited() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

SignalFlag::SignalFlag() {
  const sigset_t signals = awaited();
  pthread_sigmask(SIG_BLOCK, &signals, &previous_mask_);
  received_elsewhere = 0;
  struct sigaction action {};
  action.sa_handler = remember;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &previous_interrupt_);
  sigaction(SIGTERM, &action, &previous_terminate_);
  watcher_ = std::thread([this] { watch(); });
}

SignalFlag::~SignalFlag() {
  ending_ = true;
  watcher_.join();
  signal();  // one that came late has been obeyed, too
  sigaction(SIGINT, &previous_interrupt_, nullptr);
  sigaction(SIGTERM, &previous_terminate_, nullptr);
  pthread_sigmask(SIG_SETMASK, &previous_mask_, nullptr);
}

void SignalFlag::watch() {
  const sigset_t signals = awaited();
  constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 20'000'000};
  while (!ending_) {
    const int received = sigtimedwait(&signals, nullptr, &kPause);
    if (received < 0) continue;
    if (signal_.exchange(received) == 0) continue;
    // Checkpoints appear whole or not at all, so that nothing is lost but the step.
    std::cerr << "\ninfini: stopped at once by a second signal; what was trained since the last checkpoint is lost\n";
    std::_Exit(128 + received);
  }
}

int SignalFlag::signal() {
  const sigset_t signals = awaited();
  const timespec now{};
  if (received_elsewhere != 0) signal_ = received_elsewhere;
  if (const int received = sigtimedwait(&signals, nullptr, &now); received > 0) signal_ = received;
  return signal_;
}

}  // namespace infini
