#include "train/step_display.h"

#include <unistd.h>

#include <cstdio>

#include "log/log.h"

namespace infini {
namespace {

std::string format(const char* pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), pattern, value);
  return text;
}

/// ", answers 0.1234, 50% right", if the objective has such numbers.
std::string with_comma(const std::string& words) { return words.empty() ? "" : ", " + words; }

}  // namespace

StepDisplay::StepDisplay(int64_t steps, int64_t done, int64_t every) : steps_(steps), first_(done), every_(every) {
  if (isatty(STDERR_FILENO) != 0) bar_.emplace("train", steps, "steps", done);
}

void StepDisplay::show(const StepMetrics& metrics, const Objective& objective) {
  const std::string detail = format("loss %.4f", metrics.loss) + format(", %.0f tokens/s", metrics.tokens_per_second) +
                             with_comma(objective.progress_words(metrics.objective));
  if (metrics.validation) {
    const Metrics& validation = *metrics.validation;
    log::info("validation after step " + std::to_string(metrics.step) +
              format(": loss %.4f", validation.at("loss").get<double>()) +
              format(", perplexity %.3f", validation.at("perplexity").get<double>()) +
              with_comma(objective.progress_words(validation)));
  }
  if (bar_) {
    bar_->update(metrics.step, detail);
  } else if (metrics.step % every_ == 0 || metrics.step == steps_) {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin_;
    const double rate = static_cast<double>(metrics.step - first_) / elapsed.count();
    log::info(progress_line({"train", "steps", metrics.step, steps_, rate, detail}));
  }
}

}  // namespace infini
