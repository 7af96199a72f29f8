#include "train/signal_flag.h"

#include <ctime>

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
}

SignalFlag::~SignalFlag() {
  signal();  // one that came late has been obeyed, too
  sigaction(SIGINT, &previous_interrupt_, nullptr);
  sigaction(SIGTERM, &previous_terminate_, nullptr);
  pthread_sigmask(SIG_SETMASK, &previous_mask_, nullptr);
}

int SignalFlag::signal() {
  const sigset_t signals = awaited();
  const timespec now{};
  if (received_elsewhere != 0) signal_ = received_elsewhere;
  if (const int received = sigtimedwait(&signals, nullptr, &now); received > 0) signal_ = received;
  return signal_;
}

}  // namespace infini
