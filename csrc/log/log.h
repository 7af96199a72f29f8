#pragma once

#include <cstdint>
#include <string_view>

/// Lines for the person who runs the program, on standard error. spdlog stays behind this interface: Debian's spdlog
/// cannot be compiled beside the newer fmt that LibTorch ships.
namespace infini::log {

/// On a terminal a line replaces a progress bar, and the bar's next update draws it again below the line. Any thread
/// may write: neither another line nor a bar cuts a line.
void info(std::string_view message);
/// Something unexpected happened, but the program continues. The line begins with "warning:".
void warn(std::string_view message);
/// Something failed. The line begins with "error:".
void error(std::string_view message);

/// How many lines have been written.
int64_t line_count();

}  // namespace infini::log
