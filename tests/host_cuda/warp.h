#pragma once

#include <array>
#include <source_location>
#include <string>

#include "host_cuda/scheduler.h"

// The warp's exchanges of values. They are no barriers for memory: only __syncwarp() is.

namespace host_cuda {

template <typename T>
struct Shuffle {
  T value;
  /// The lane whose value is wanted.
  unsigned source;
  T result;
  std::source_location place;
};

template <typename T>
T shuffle(unsigned mask, T value, unsigned source, std::source_location place) {
  constexpr auto complete = [](const std::array<void*, kWarpSize>& arguments, unsigned lanes) {
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      if ((lanes >> lane & 1) == 0) continue;
      auto& to = *static_cast<Shuffle<T>*>(arguments[lane]);
      if ((lanes >> to.source & 1) == 0) {
        scheduler.fail("a shuffle lets lane " + std::to_string(lane) + " read lane " + std::to_string(to.source) +
                           ", which is outside the mask",
                       to.place);
      }
      to.result = static_cast<Shuffle<T>*>(arguments[to.source])->value;
    }
  };
  Shuffle<T> argument{value, source, value, place};
  scheduler.meet_lanes(mask, &argument, complete, place);
  return argument.result;
}

/// The lane `wanted` of the caller's part of the warp, or the caller itself where `outside`.
inline unsigned lane_in_part(unsigned wanted, bool outside) { return outside ? lane_index() : wanted; }

inline unsigned ballot(unsigned mask, bool predicate, std::source_location place) {
  struct Vote {
    bool predicate;
    unsigned result;
  };
  constexpr auto complete = [](const std::array<void*, kWarpSize>& arguments, unsigned lanes) {
    unsigned result = 0;
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      if ((lanes >> lane & 1) != 0 && static_cast<Vote*>(arguments[lane])->predicate) result |= 1u << lane;
    }
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      if ((lanes >> lane & 1) != 0) static_cast<Vote*>(arguments[lane])->result = result;
    }
  };
  Vote vote{predicate, 0};
  scheduler.meet_lanes(mask, &vote, complete, place);
  return vote.result;
}

}  // namespace host_cuda

template <typename T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32,
              std::source_location place = std::source_location::current()) {
  const unsigned own = host_cuda::lane_index();
  const unsigned part = own & ~static_cast<unsigned>(width - 1);
  return host_cuda::shuffle(mask, value, part + (static_cast<unsigned>(lane) & static_cast<unsigned>(width - 1)),
                            place);
}

template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32,
                  std::source_location place = std::source_location::current()) {
  const unsigned own = host_cuda::lane_index();
  const unsigned wanted = own ^ static_cast<unsigned>(lanes);
  const bool outside = wanted / static_cast<unsigned>(width) > own / static_cast<unsigned>(width);
  return host_cuda::shuffle(mask, value, host_cuda::lane_in_part(wanted, outside), place);
}

template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned lanes, int width = 32,
                 std::source_location place = std::source_location::current()) {
  const unsigned own = host_cuda::lane_index();
  const bool outside = own % static_cast<unsigned>(width) < lanes;
  return host_cuda::shuffle(mask, value, host_cuda::lane_in_part(own - lanes, outside), place);
}

template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned lanes, int width = 32,
                   std::source_location place = std::source_location::current()) {
  const unsigned own = host_cuda::lane_index();
  const bool outside = own % static_cast<unsigned>(width) + lanes >= static_cast<unsigned>(width);
  return host_cuda::shuffle(mask, value, host_cuda::lane_in_part(own + lanes, outside), place);
}

inline unsigned __ballot_sync(unsigned mask, bool predicate,
                              std::source_location place = std::source_location::current()) {
  return host_cuda::ballot(mask, predicate, place);
}

inline bool __any_sync(unsigned mask, bool predicate, std::source_location place = std::source_location::current()) {
  return host_cuda::ballot(mask, predicate, place) != 0;
}

inline bool __all_sync(unsigned mask, bool predicate, std::source_location place = std::source_location::current()) {
  return host_cuda::ballot(mask, predicate, place) == mask;
}
