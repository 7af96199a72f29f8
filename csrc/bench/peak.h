#pragma once

#include <torch/torch.h>

namespace infini {

/// The device's best speed, measured. The ops are compared with it.
struct Peak {
  double operations_per_second = 0;  ///< of torch's product of two square matrices: 8192 wide on a GPU, 2048 on the CPU
  double bytes_per_second = 0;       ///< of a copy, read and written: 1 GiB on a GPU, 256 MiB on the CPU
};

/// The fastest of `rounds` rounds, with matrices of `dtype`.
Peak measure_peak(torch::Device device, torch::Dtype dtype, int64_t rounds);

}  // namespace infini
