#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "report/run_record.h"

namespace infini::report {

/// One quantity over training: where it was measured, and its value there.
struct Curve {
  std::vector<double> step, tokens, value;
  size_t size() const { return value.size(); }
};

/// The steps that have the quantity, in order.
Curve curve_of(const std::vector<RecordedStep>& steps,
               const std::function<std::optional<double>(const RecordedStep&)>& quantity);

/// The mean of the `window` points around each point (fewer at the ends). It does not lag behind as an exponential mean
/// does, so curves of different runs stay comparable.
Curve smoothed(const Curve& curve, size_t window);

/// At most `points` of the curve's points, evenly spaced, among them the first and the last.
Curve thinned(const Curve& curve, size_t points);

/// The middle value, or the mean of the middle two. Nothing if there are no values.
std::optional<double> median(std::vector<double> values);

}  // namespace infini::report
