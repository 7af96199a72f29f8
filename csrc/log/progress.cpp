#include "log/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <utility>

#include "log/log.h"

namespace infini {
namespace {

constexpr auto kRedrawEvery = std::chrono::milliseconds(100);
constexpr auto kLineEvery = std::chrono::seconds(5);
constexpr int kBarWidth = 30;
constexpr int kSmallestBar = 5;

std::string with_commas(int64_t number) {
  std::string digits = std::to_string(number);
  for (auto position = static_cast<int64_t>(digits.size()) - 3; position > 0; position -= 3) {
    digits.insert(static_cast<size_t>(position), ",");
  }
  return digits;
}

std::string rate_text(double rate) {
  if (rate >= 100) return with_commas(std::llround(rate));
  char text[32];
  std::snprintf(text, sizeof text, rate >= 1 ? "%.1f" : "%.2g", rate);
  return text;
}

/// "0:07", "12:34" or "1:02:03".
std::string duration_text(double seconds) {
  const int64_t whole = std::llround(seconds);
  char text[48];
  if (whole >= 3600) {
    std::snprintf(text, sizeof text, "%lld:%02d:%02d", static_cast<long long>(whole / 3600),
                  static_cast<int>(whole / 60 % 60), static_cast<int>(whole % 60));
  } else {
    std::snprintf(text, sizeof text, "%d:%02d", static_cast<int>(whole / 60), static_cast<int>(whole % 60));
  }
  return text;
}

std::string count_text(const ProgressState& state) {
  return with_commas(state.done) + "/" + with_commas(state.total) + " " + state.unit;
}

/// ", 2.1 steps/s, 0:03 left, loss 1.75"
std::string rest_text(const ProgressState& state) {
  std::string text;
  if (state.rate > 0) {
    text += ", " + rate_text(state.rate) + " " + state.unit + "/s";
    if (state.done < state.total) {
      text += ", " + duration_text(static_cast<double>(state.total - state.done) / state.rate) + " left";
    }
  }
  if (!state.detail.empty()) text += ", " + state.detail;
  return text;
}

double fraction(const ProgressState& state) {
  return state.total > 0 ? std::clamp(static_cast<double>(state.done) / static_cast<double>(state.total), 0.0, 1.0) : 1;
}

bool begins_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }

int character_count(std::string_view text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), begins_character));
}

/// The first `count` characters of UTF-8 text.
std::string first_characters(const std::string& text, int count) {
  int seen = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (begins_character(text[i]) && seen++ == count) return text.substr(0, i);
  }
  return text;
}

int terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::string progress_bar(const ProgressState& state, int width) {
  const std::string count = count_text(state);
  const std::string rest = rest_text(state);
  const int room = width - character_count(state.title + " [] " + count + rest);
  std::string line = state.title + " ";
  if (room >= kSmallestBar) {
    const int bar = std::min(room, kBarWidth);
    const auto filled = static_cast<size_t>(std::floor(fraction(state) * bar));
    line += "[" + std::string(filled, '#') + std::string(static_cast<size_t>(bar) - filled, '-') + "] ";
  }
  return first_characters(line + count + rest, std::max(width, 0));
}

std::string progress_line(const ProgressState& state) {
  const auto percent = static_cast<int>(std::floor(100 * fraction(state)));
  return state.title + ": " + count_text(state) + " (" + std::to_string(percent) + "%)" + rest_text(state);
}

Progress::Progress(std::string title, int64_t total, std::string unit, int64_t done)
    : initial_(done), begin_(Clock::now()), shown_(begin_), terminal_(isatty(STDERR_FILENO) != 0) {
  state_.title = std::move(title);
  state_.unit = std::move(unit);
  state_.total = total;
  state_.done = done;
}

Progress::~Progress() {
  if (drawn_ && !finished_) std::fputc('\n', stderr);
}

void Progress::update(int64_t done, const std::string& detail) {
  if (finished_) return;
  state_.done = done;
  state_.detail = detail;
  const auto now = Clock::now();
  const bool overwritten = !drawn_ || log::line_count() != lines_before_;
  if (terminal_ ? overwritten || now - shown_ >= kRedrawEvery : now - shown_ >= kLineEvery) show(now);
}

void Progress::finish() {
  if (finished_) return;
  show(Clock::now());
  if (terminal_) std::fputc('\n', stderr);
  finished_ = true;
}

void Progress::show(Clock::time_point now) {
  shown_ = now;
  const double seconds = std::chrono::duration<double>(now - begin_).count();
  state_.rate = seconds > 0 ? static_cast<double>(state_.done - initial_) / seconds : 0;
  if (!terminal_) {
    log::info(progress_line(state_));
    return;
  }
  // One column stays free, since some terminals start a new line when the last column is written.
  const std::string line = "\r\033[K" + progress_bar(state_, terminal_width() - 1);
  lines_before_ = log::line_count();
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace infini
