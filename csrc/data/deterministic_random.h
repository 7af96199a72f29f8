#pragma once

#include <cstdint>
#include <random>

namespace infini {

/// Random numbers that are the same with every standard library. std's own distributions and shuffles differ between
/// libraries.
class DeterministicRandom {
 public:
  /// One of many independent streams: for one item, such as an epoch or an example, and for one purpose.
  explicit DeterministicRandom(uint64_t seed, uint64_t index = 0, uint32_t purpose = 0);

  /// Uniform in [0, bound); bound is at least 1.
  uint64_t below(uint64_t bound);
  /// Uniform in [low, high], both included.
  int64_t between(int64_t low, int64_t high);
  /// Uniform in [0, 1).
  double uniform();

 private:
  std::mt19937_64 generator_;
};

}  // namespace infini
