#pragma once

#include <cstdint>
#include <initializer_list>
#include <random>

namespace infini {

/// Numbers that depend on the seed's words alone and are the same with every standard library, whose distributions and
/// shuffles differ.
class DeterministicRandom {
 public:
  explicit DeterministicRandom(std::initializer_list<uint32_t> seed);

  /// Uniform in [0, bound); bound is at least 1.
  uint64_t below(uint64_t bound);
  /// Uniform in [low, high], both included.
  int64_t between(int64_t low, int64_t high);
  /// Uniform in [0, 1).
  double uniform();

 private:
  std::mt19937_64 generator_;
};

/// The halves of a number, for a seed.
constexpr uint32_t low_word(uint64_t value) { return static_cast<uint32_t>(value); }
constexpr uint32_t high_word(uint64_t value) { return static_cast<uint32_t>(value >> 32); }

}  // namespace infini
