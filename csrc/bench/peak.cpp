#include "bench/peak.h"

#include <algorithm>
#include <cmath>

#include "bench/stopwatch.h"

namespace infini {
namespace {

double fastest(const std::vector<double>& seconds) { return *std::min_element(seconds.begin(), seconds.end()); }

}  // namespace

Peak measure_peak(torch::Device device, torch::Dtype dtype, int64_t rounds) {
  const int64_t width = device.is_cpu() ? 2048 : 8192;
  const int64_t copied = (device.is_cpu() ? int64_t{256} : int64_t{1024}) << 20;
  const torch::NoGradGuard no_graph;
  Peak peak;
  {
    // Random numbers: a GPU lowers its clock when many bits flip, so zeros would be too fast.
    const auto a = torch::randn({width, width}, device).to(dtype), b = torch::randn({width, width}, device).to(dtype);
    torch::Tensor product = torch::empty_like(a);
    const double seconds = fastest(time_rounds([&] { torch::mm_out(product, a, b); }, device, rounds));
    peak.operations_per_second = 2.0 * std::pow(static_cast<double>(width), 3) / seconds;
  }
  const auto source = torch::zeros({copied}, torch::TensorOptions(device).dtype(torch::kUInt8));
  torch::Tensor target = torch::empty_like(source);
  const double seconds = fastest(time_rounds([&] { target.copy_(source); }, device, rounds));
  peak.bytes_per_second = 2.0 * static_cast<double>(copied) / seconds;
  return peak;
}

}  // namespace infini
