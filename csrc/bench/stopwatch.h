#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace infini {

/// Seconds that `calls` calls of `work` take on `device`, one after the other. A call on a GPU only queues kernels, so
/// the time is taken between two events of the current stream. On the CPU it is taken by the steady clock.
double measure_seconds(const std::function<void()>& work, torch::Device device, int64_t calls = 1);

/// Seconds of one call in each of `rounds` rounds, after two calls that are not counted. A round lasts at least 20 ms,
/// with as many calls as that takes: so a GPU stays busy, and the start of a call is not timed.
std::vector<double> time_rounds(const std::function<void()>& work, torch::Device device, int64_t rounds);

/// The middle value; for an even count the mean of the middle two.
double median(std::vector<double> values);

}  // namespace infini
