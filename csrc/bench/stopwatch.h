#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace infini {

/// Seconds that `calls` calls of `work` take on `device`, one after the other: between two of the device's events in
/// the current stream, so that what only queues kernels is timed by their end; on the CPU by the steady clock.
double measure_seconds(const std::function<void()>& work, torch::Device device, int64_t calls = 1);

/// Seconds of one call in each of `rounds` rounds, after two calls that are not counted. Where a call is short, a round
/// is as many of them as last 20 ms: a GPU that is kept busy is timed, not the way there.
std::vector<double> time_rounds(const std::function<void()>& work, torch::Device device, int64_t rounds);

/// Of an even count, the mean of the middle two.
double median(std::vector<double> values);

}  // namespace infini
