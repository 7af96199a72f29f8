#pragma once

// Loops over rows that the compiler vectorises. Included by sources that are compiled once for each instruction set, so
// everything here is in an unnamed namespace and uses no inline function of the standard library: the linker would be
// free to keep the AVX-512 copy of one for all callers.

#include <cstdint>
#include <type_traits>

#include "ops/cpu/segment_kernels.h"

namespace infini::ops::cpu {
namespace {

inline float bits_to_float(uint32_t bits) {
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

inline uint32_t float_to_bits(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline float load(float x) { return x; }
inline double load(double x) { return x; }
inline float load(BFloat16 x) { return bits_to_float(static_cast<uint32_t>(x.bits) << 16); }
inline float load(Half x) { return static_cast<float>(x.value); }

inline void store(float& out, float x) { out = x; }
inline void store(double& out, double x) { out = x; }
inline void store(Half& out, float x) { out.value = static_cast<_Float16>(x); }
inline void store(BFloat16& out, float x) {  // round to nearest even; NaN stays NaN
  const uint32_t bits = float_to_bits(x);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  out.bits = static_cast<uint16_t>(x == x ? rounded : (bits >> 16) | 0x40u);
}

/// e^x to about one unit in the last place, exactly 1 at 0, and 0 below the smallest normal number: 2^n e^r with |r| at
/// most ln 2 / 2, and 1 + r + r² p(r) of relative error 1.1e-7 for e^r. Adding 1.5 · 2²³ rounds to the integer n.
inline float exponential(float x) {
  // A NaN compares false and is handed on: its n becomes 0x80000000 or 0, of which the shift leaves nothing.
  const float clamped = x < -87.3f ? -87.3f : (x > 88.7f ? 88.7f : x);
  const float n = (clamped * 1.44269504088896341f + 12582912.0f) - 12582912.0f;
  const float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 0.00831253365546786f;
  p = p * r + 0.04189018121031536f;
  p = p * r + 0.16667114608063827f;
  p = p * r + 0.4999923132715486f;
  p = p * (r * r) + r + 1.0f;
  const float scaled = bits_to_float(float_to_bits(p) + (static_cast<uint32_t>(static_cast<int32_t>(n)) << 23));
  return x < -87.3f ? 0.0f : scaled;
}
inline double exponential(double x) { return __builtin_exp(x); }

/// σ(x) = x + 1 for x > 0, exp(x) otherwise; never ELU(x) + 1, which cancels.
template <typename A>
inline A sigma(A x) {
  const A below = exponential(x > A(0) ? A(0) : x);
  return x > A(0) ? x + A(1) : below;
}

/// σ'(x), where σ(x) is at hand.
template <typename A>
inline A sigma_slope(A x, A sigma_x) {
  return x > A(0) ? A(1) : sigma_x;
}

template <typename A>
inline A sigmoid(A x) {
  return A(1) / (A(1) + exponential(-x));
}

/// 0 for what single precision cannot invert: an empty memory's denominator, or one that has all but vanished.
template <typename A>
inline A reciprocal_or_zero(A x) {
  return x > A(1e-30) ? A(1) / x : A(0);
}

template <typename A>
inline A smaller(A a, A b) {
  return a < b ? a : b;
}

template <typename O, typename T>
inline void copy_row(O* out, const T* row, int64_t width) {
#pragma omp simd
  for (int64_t i = 0; i < width; ++i) store(out[i], load(row[i]));
}

template <typename A>
inline void fill_zero(A* out, int64_t count) {
  __builtin_memset(out, 0, static_cast<uint64_t>(count) * sizeof(A));
}

template <typename A, typename T>
inline A dot(const A* a, const T* b, int64_t width) {
  A sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < width; ++i) sum += a[i] * load(b[i]);
  return sum;
}

/// The same summed in double, for what goes on into a sum over all tokens in which most of it cancels.
template <typename A, typename T>
inline double exact_dot(const A* a, const T* b, int64_t width) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < width; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(load(b[i]));
  return sum;
}

/// out = rotate(row) · scale: (x₁ cos − x₂ sin, x₂ cos + x₁ sin).
template <typename O, typename A, typename T>
inline void rotate_row(O* out, const T* row, const A* cos, const A* sin, int64_t width, A scale) {
  const int64_t half = width / 2;
#pragma omp simd
  for (int64_t i = 0; i < half; ++i) {
    const A low = load(row[i]), high = load(row[i + half]);
    store(out[i], (low * cos[i] - high * sin[i]) * scale);
    store(out[i + half], (high * cos[i + half] + low * sin[i + half]) * scale);
  }
}

/// The transpose of rotate_row, from gradients of the rotated row to those of the row.
template <typename A>
inline void rotate_row_back(A* out, const A* row, const A* cos, const A* sin, int64_t width, A scale) {
  const int64_t half = width / 2;
#pragma omp simd
  for (int64_t i = 0; i < half; ++i) {
    const A low = row[i], high = row[i + half];
    out[i] = (low * cos[i] + high * sin[i + half]) * scale;
    out[i + half] = (high * cos[i + half] - low * sin[i]) * scale;
  }
}

/// Hands out pieces of one block of memory; measures the block when it has none.
class Scratch {
 public:
  explicit Scratch(char* memory) : memory_(memory) {}
  template <typename A>
  A* take(int64_t count) {
    const int64_t offset = used_;
    used_ += (count * static_cast<int64_t>(sizeof(A)) + 63) / 64 * 64;
    return memory_ == nullptr ? nullptr : reinterpret_cast<A*>(memory_ + offset);
  }
  int64_t used() const { return used_; }

 private:
  char* memory_;
  int64_t used_ = 0;
};

}  // namespace
}  // namespace infini::ops::cpu
