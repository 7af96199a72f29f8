#pragma once

#include <vector_types.h>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace host_cuda {

/// What a launch asks of a device.
struct Launch {
  std::string kernel;  ///< as it is written at INFINI_LAUNCH
  dim3 grid, block;
  std::size_t shared_bytes = 0;  ///< the dynamic part
};

/// The launches in `launches`, checked but not executed: for what would take too long here.
std::vector<Launch> plan(const std::function<void()>& launches);

}  // namespace host_cuda
