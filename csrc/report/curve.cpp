#include "report/curve.h"

#include <algorithm>

namespace infini::report {

Curve curve_of(const std::vector<RecordedStep>& steps,
               const std::function<std::optional<double>(const RecordedStep&)>& quantity) {
  Curve curve;
  for (const auto& metrics : steps) {
    const auto value = quantity(metrics);
    if (!value) continue;
    curve.step.push_back(static_cast<double>(metrics.step));
    curve.tokens.push_back(static_cast<double>(metrics.tokens));
    curve.value.push_back(*value);
  }
  return curve;
}

Curve smoothed(const Curve& curve, size_t window) {
  Curve mean = curve;
  // Sums of the first i values, so that each window costs one subtraction.
  std::vector<double> sums(curve.size() + 1, 0.0);
  for (size_t i = 0; i < curve.size(); ++i) sums[i + 1] = sums[i] + curve.value[i];
  const size_t before = (std::max<size_t>(window, 1) - 1) / 2, after = window / 2;
  for (size_t i = 0; i < curve.size(); ++i) {
    const size_t begin = i - std::min(i, before);
    const size_t end = std::min(curve.size(), i + after + 1);
    mean.value[i] = (sums[end] - sums[begin]) / static_cast<double>(end - begin);
  }
  return mean;
}

Curve thinned(const Curve& curve, size_t points) {
  if (curve.size() <= points || points < 2) return curve;
  Curve result;
  for (size_t i = 0; i < points; ++i) {
    const size_t from = i * (curve.size() - 1) / (points - 1);
    result.step.push_back(curve.step[from]);
    result.tokens.push_back(curve.tokens[from]);
    result.value.push_back(curve.value[from]);
  }
  return result;
}

std::optional<double> median(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace infini::report
