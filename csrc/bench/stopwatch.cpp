#include "bench/stopwatch.h"

#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace infini {
namespace {

constexpr double kShortestRound = 0.02;  // seconds
constexpr double kMostCalls = 1000;

}  // namespace

double measure_seconds(const std::function<void()>& work, torch::Device device, int64_t calls) {
  const auto call = [&] {
    for (int64_t i = 0; i < calls; ++i) work();
  };
  if (device.is_cpu()) {
    const auto begin = std::chrono::steady_clock::now();
    call();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  // torch's interface to the streams and events of any device, so no CUDA header is needed.
  const c10::Stream stream = c10::impl::VirtualGuardImpl(device.type()).getStream(device);
  c10::Event begin(device.type(), c10::EventFlag::BACKEND_DEFAULT), end(device.type(), c10::EventFlag::BACKEND_DEFAULT);
  begin.record(stream);
  call();
  end.record(stream);
  end.synchronize();
  return begin.elapsedTime(end) / 1e3;
}

std::vector<double> time_rounds(const std::function<void()>& work, torch::Device device, int64_t rounds) {
  // The first call loads kernels and fills caches. The second tells how long a call takes.
  measure_seconds(work, device);
  const double once = measure_seconds(work, device);
  const double calls = std::clamp(std::ceil(kShortestRound / std::max(once, 1e-9)), 1.0, kMostCalls);
  std::vector<double> seconds;
  seconds.reserve(static_cast<size_t>(rounds));
  for (int64_t round = 0; round < rounds; ++round) {
    seconds.push_back(measure_seconds(work, device, static_cast<int64_t>(calls)) / calls);
  }
  return seconds;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace infini
