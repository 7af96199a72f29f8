#include "report/loss_statistics.h"

#include <cmath>
#include <numeric>

namespace infini::report {
namespace {

double sum(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

}  // namespace

RatioEstimate estimate_ratio(const std::vector<double>& x, const std::vector<double>& t) {
  const double total = sum(t), ratio = sum(x) / total;
  if (x.size() < 2) return {ratio, std::nullopt};
  double squares = 0;
  for (size_t i = 0; i < x.size(); ++i) squares += std::pow(x[i] - ratio * t[i], 2);
  const auto count = static_cast<double>(x.size());
  return {ratio, std::sqrt(count / (count - 1) * squares) / total};
}

double mean(const std::vector<double>& values) { return sum(values) / static_cast<double>(values.size()); }

std::optional<double> standard_deviation(const std::vector<double>& values) {
  if (values.size() < 2) return std::nullopt;
  const double center = mean(values);
  double squares = 0;
  for (const double value : values) squares += std::pow(value - center, 2);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

}  // namespace infini::report
