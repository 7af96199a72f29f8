#include "log/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <memory>

namespace infini::log {
namespace {

std::unique_ptr<spdlog::logger> make_logger() {
  const bool terminal = isatty(STDERR_FILENO) != 0;
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  sink->set_color(spdlog::level::info, sink->reset);
  auto logger = std::make_unique<spdlog::logger>("infini", std::move(sink));
  // On a terminal each line first clears what a progress bar has left there.
  logger->set_pattern(terminal ? "\r\033[K%H:%M:%S %^%v%$" : "%Y-%m-%d %H:%M:%S %v");
  logger->flush_on(spdlog::level::info);
  return logger;
}

spdlog::logger& logger() {
  static const std::unique_ptr<spdlog::logger> instance = make_logger();
  return *instance;
}

}  // namespace

void info(std::string_view message) { logger().info("{}", message); }
void warn(std::string_view message) { logger().warn("warning: {}", message); }
void error(std::string_view message) { logger().error("error: {}", message); }

}  // namespace infini::log
