#pragma once

#include <source_location>

#include "host_cuda/scheduler.h"

/// Every thread of the block must come, also those that have nothing more to do: one that has ended is an error.
inline void __syncthreads(std::source_location place = std::source_location::current()) {
  host_cuda::scheduler.meet_block(place);
}

inline void __syncwarp(unsigned mask = host_cuda::kAllLanes,
                       std::source_location place = std::source_location::current()) {
  constexpr auto pass = [](const auto&, unsigned) { ++host_cuda::scheduler.current().warp->epoch; };
  host_cuda::scheduler.meet_lanes(mask, nullptr, pass, place);
}
