#include "data/deterministic_random.h"

namespace infini {

DeterministicRandom::DeterministicRandom(uint64_t seed, uint64_t index, uint32_t purpose) {
  const auto low = [](uint64_t value) { return static_cast<uint32_t>(value); };
  const auto high = [](uint64_t value) { return static_cast<uint32_t>(value >> 32); };
  std::seed_seq mixed{low(seed), high(seed), low(index), high(index), purpose};
  generator_.seed(mixed);
}

// Reject some numbers: a plain remainder would favour small results.
uint64_t DeterministicRandom::below(uint64_t bound) {
  const uint64_t limit = std::mt19937_64::max() - std::mt19937_64::max() % bound;
  uint64_t value;
  do {
    value = generator_();
  } while (value >= limit);
  return value % bound;
}

int64_t DeterministicRandom::between(int64_t low, int64_t high) {
  return low + static_cast<int64_t>(below(static_cast<uint64_t>(high - low) + 1));
}

double DeterministicRandom::uniform() {
  constexpr int mantissa_bits = 53;
  return static_cast<double>(generator_() >> (64 - mantissa_bits)) * 0x1p-53;
}

}  // namespace infini
