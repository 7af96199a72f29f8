#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>

namespace infini {

/// What `work` writes to standard error while that is `sink`; `source` is where it can be read.
template <typename Work>
std::string standard_error_through(int source, int sink, const Work& work) {
  const int standard_error = dup(STDERR_FILENO);
  dup2(sink, STDERR_FILENO);
  close(sink);
  std::string written;
  std::thread reader([&] {
    char bytes[4096];
    // A pseudo-terminal ends with an error instead of 0 when its other side closes.
    for (ssize_t count; (count = read(source, bytes, sizeof bytes)) > 0;)
      written.append(bytes, static_cast<size_t>(count));
  });
  work();
  std::fflush(stderr);
  dup2(standard_error, STDERR_FILENO);
  close(standard_error);
  reader.join();
  close(source);
  return written;
}

template <typename Work>
std::string into_a_pipe(const Work& work) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("no pipe");
  return standard_error_through(ends[0], ends[1], work);
}

/// A pseudo-terminal of that many columns; its line ends are \n, as written.
template <typename Work>
std::string into_a_terminal(unsigned short columns, const Work& work) {
  const int controller = posix_openpt(O_RDWR | O_NOCTTY);
  if (controller < 0 || grantpt(controller) != 0 || unlockpt(controller) != 0) throw std::runtime_error("no terminal");
  const int terminal = open(ptsname(controller), O_RDWR | O_NOCTTY);
  const winsize size{24, columns, 0, 0};
  ioctl(terminal, TIOCSWINSZ, &size);
  return standard_error_through(controller, terminal, work);
}

}  // namespace infini
