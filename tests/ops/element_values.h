#pragma once

#include <c10/util/BFloat16.h>

#include <cstdint>
#include <random>
#include <type_traits>
#include <vector>

#include "ops/cpu/segment_kernels.h"

/// Numbers in the element types of the CPU's kernels.
namespace infini::ops::cpu {

template <typename T>
T narrow(double value) {
  if constexpr (std::is_same_v<T, BFloat16>) {
    const c10::BFloat16 rounded(static_cast<float>(value));
    return {rounded.x};
  } else if constexpr (std::is_same_v<T, Half>) {
    return {static_cast<_Float16>(value)};
  } else {
    return static_cast<T>(value);
  }
}

template <typename T>
double widen(T value) {
  if constexpr (std::is_same_v<T, BFloat16>) {
    return static_cast<float>(c10::BFloat16(value.bits, c10::BFloat16::from_bits()));
  } else if constexpr (std::is_same_v<T, Half>) {
    return static_cast<double>(value.value);
  } else {
    return value;
  }
}

/// Numbers that every dtype under test holds exactly, so that all kernels see the same input.
inline std::vector<double> draw(int64_t count, uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::normal_distribution<double> normal;
  std::vector<double> values(static_cast<size_t>(count));
  for (double& value : values) value = widen(narrow<BFloat16>(normal(generator)));
  return values;
}

template <typename T>
std::vector<T> narrowed(const std::vector<double>& values) {
  std::vector<T> result;
  for (const double value : values) result.push_back(narrow<T>(value));
  return result;
}

}  // namespace infini::ops::cpu
