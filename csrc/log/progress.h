#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace infini {

/// The state of a piece of work that a progress bar shows.
struct ProgressState {
  std::string title;
  std::string unit;  ///< what is counted: "tokens", "steps"
  int64_t done = 0;
  int64_t total = 0;
  double rate = 0;     ///< units per second; 0: not known yet
  std::string detail;  ///< free text at the end of the line
};

/// "train [#####-----] 5/10 steps, 2.1 steps/s, 0:03 left, loss 1.75", at most `width` characters.
std::string progress_bar(const ProgressState& state, int width);
/// The same without the bar, for a log file: "train: 5/10 steps (50%), 2.1 steps/s, 0:03 left, loss 1.75".
std::string progress_line(const ProgressState& state);

/// Shows how far a piece of work is, on standard error. On a terminal it is one line, redrawn at most 10 times a
/// second; a line of the log appears above it, and the next update draws the bar again. Elsewhere it is a plain line
/// every few seconds. Not for use by several threads at once. (Debian 12 packages no C++ progress-bar library;
/// `indicators` is there from Debian 13 on.)
class Progress {
 public:
  /// `done`: units that an earlier run has finished; they do not count for the rate.
  Progress(std::string title, int64_t total, std::string unit, int64_t done = 0);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// If the work ended early, the last line that was drawn stays.
  ~Progress();

  /// `done` counts from the beginning of the work, not from the last call.
  void update(int64_t done, const std::string& detail = "");
  /// Shows the last state and ends the line. Further calls do nothing.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;

  void show(Clock::time_point now);

  ProgressState state_;
  int64_t initial_;
  Clock::time_point begin_;
  Clock::time_point shown_;
  bool terminal_;
  int64_t lines_before_ = 0;  ///< lines of the log when the bar was last drawn
  bool drawn_ = false;
  bool finished_ = false;
};

}  // namespace infini
