#pragma once

#include <optional>
#include <vector>

namespace infini::report {

/// A ratio of two sums over documents, and the standard error that it has because other documents could have been
/// drawn.
struct RatioEstimate {
  double ratio = 0;
  std::optional<double> standard_error;  ///< none for a single document
};

/// R = Σx / Σt, such as nats per token, and its error √(n / (n − 1) · Σ(x_i − R·t_i)²) / Σt. Both have a value for each
/// of n ≥ 1 documents.
RatioEstimate estimate_ratio(const std::vector<double>& x, const std::vector<double>& t);

/// Of one value or more.
double mean(const std::vector<double>& values);

/// The standard deviation of the population that the values are a sample of; nothing for a single value.
std::optional<double> standard_deviation(const std::vector<double>& values);

}  // namespace infini::report
