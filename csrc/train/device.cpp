#include "train/device.h"

#include <c10/core/CachingDeviceAllocator.h>
#include <sys/resource.h>

#include <charconv>
#include <string_view>

#include "log/error.h"

namespace infini {

torch::Device choose_device(const std::string& name) {
  const auto gpus = static_cast<int64_t>(torch::cuda::device_count());  // NOLINT(bugprone-signed-char-misuse)
  if (name == "cpu" || (name == "auto" && gpus == 0)) return torch::kCPU;

  int64_t index = 0;
  constexpr std::string_view kIndexed = "cuda:";
  if (name.starts_with(kIndexed)) {
    const char* const end = name.data() + name.size();
    const auto [last, error] = std::from_chars(name.data() + kIndexed.size(), end, index);
    if (error != std::errc() || last != end) index = -1;
  } else if (name != "cuda" && name != "auto") {
    index = -1;
  }
  if (index < 0) throw UserError("device is '" + name + "'; it must be auto, cpu, cuda or cuda:N");
  if (index >= gpus) {
    throw UserError("device is '" + name + "', but this machine has " + std::to_string(gpus) +
                    " CUDA devices that this build can use; use auto or cpu");
  }
  return {torch::kCUDA, static_cast<torch::DeviceIndex>(index)};
}

int64_t peak_memory_bytes(torch::Device device) {
  if (device.is_cpu()) {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss * 1024;  // Linux counts in KiB
  }
  const auto statistics = c10::getDeviceAllocator(device.type())->getDeviceStats(device.index());
  constexpr auto kAll = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  return statistics.allocated_bytes[kAll].peak;
}

}  // namespace infini
