#include "log/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <memory>

namespace infini::log {
namespace {

std::unique_ptr<spdlog::logger> make_logger() {
  const bool terminal = isatty(STDERR_FILENO) != 0;
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  sink->set_color(spdlog::level::info, sink->reset);
  auto logger = std::make_unique<spdlog::logger>("infini", std::move(sink));
  // On a terminal each line first clears a progress bar.
  logger->set_pattern(terminal ? "\r\033[K%H:%M:%S %^%v%$" : "%Y-%m-%d %H:%M:%S %v");
  logger->flush_on(spdlog::level::info);
  return logger;
}

spdlog::logger& logger() {
  static const std::unique_ptr<spdlog::logger> instance = make_logger();
  return *instance;
}

std::atomic<int64_t> lines = 0;

/// Holds standard error until a line is whole. spdlog writes a line in pieces, and another thread could draw a progress
/// bar between them.
class Line {
 public:
  Line() { flockfile(stderr); }
  ~Line() {
    ++lines;
    funlockfile(stderr);
  }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
};

}  // namespace

void info(std::string_view message) {
  const Line line;
  logger().info("{}", message);
}

void warn(std::string_view message) {
  const Line line;
  logger().warn("warning: {}", message);
}

void error(std::string_view message) {
  const Line line;
  logger().error("error: {}", message);
}

int64_t line_count() { return lines; }

}  // namespace infini::log
