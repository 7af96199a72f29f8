#pragma once

#include <cstdint>
#include <string_view>

/// Lines for the person who runs the program, on standard error. spdlog stays behind this interface: Debian's spdlog
/// cannot be compiled beside the newer fmt that LibTorch ships.
namespace infini::log {

/// On a terminal a line takes the place of a progress bar, which its next update draws again below. Any thread may
/// write: a line is never cut by another one or by a bar.
void info(std::string_view message);
/// Something that went on in another way than asked for; the line begins with "warning:".
void warn(std::string_view message);
/// A failure; the line begins with "error:".
void error(std::string_view message);

/// How many lines have been written.
int64_t line_count();

}  // namespace infini::log
