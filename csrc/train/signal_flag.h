#pragma once

#include <csignal>

namespace infini {

/// While it lives, SIGINT and SIGTERM do not end the process but raise a flag. One at a time.
class SignalFlag {
 public:
  SignalFlag();
  ~SignalFlag();
  SignalFlag(const SignalFlag&) = delete;
  SignalFlag& operator=(const SignalFlag&) = delete;

  /// The signal that came, or 0.
  int signal() const;

 private:
  struct sigaction previous_interrupt_ {};
  struct sigaction previous_terminate_ {};
};

}  // namespace infini
