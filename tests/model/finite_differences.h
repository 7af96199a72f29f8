#pragma once

#include <torch/torch.h>

#include <functional>

namespace infini {

/// Compares `gradient` with central differences of `loss` at every `stride`-th element of `parameter` (float64).
/// Returns the largest difference, relative to the largest difference quotient.
inline double gradient_error(const std::function<torch::Tensor()>& loss, torch::Tensor parameter,
                             const torch::Tensor& gradient, int64_t stride = 1) {
  const torch::NoGradGuard no_graph;
  constexpr double kStep = 1e-5;
  double* const values = parameter.data_ptr<double>();
  const torch::Tensor contiguous = gradient.contiguous();
  const double* const analytic = contiguous.const_data_ptr<double>();
  double worst = 0, largest = 1e-6;
  for (int64_t i = 0; i < parameter.numel(); i += stride) {
    const double value = values[i];
    values[i] = value + kStep;
    const double above = loss().item<double>();
    values[i] = value - kStep;
    const double below = loss().item<double>();
    values[i] = value;
    const double numeric = (above - below) / (2 * kStep);
    worst = std::max(worst, std::abs(numeric - analytic[i]));
    largest = std::max(largest, std::abs(numeric));
  }
  return worst / largest;
}

}  // namespace infini
