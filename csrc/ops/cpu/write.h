#pragma once

// One segment written, as an affine map of the memory before it, M_out = M + written − transition · M:
//
//   written = c σ(K)ᵀ V       transition = c σ(K)ᵀ (σ(K) / (σ(K) z))   (delta; c is the gain)     z_out = z + c Σσ(k)

#include "ops/cpu/attend.h"

namespace infini::ops::cpu {
namespace {

constexpr int64_t write_block = 256;

template <typename T>
void write_norm_with(const Write<T>& task, Arithmetic<T>* norm) {
  using A = Arithmetic<T>;
  fill_zero(norm, task.sizes.key_width);
  for (int64_t r = 0; r < task.sizes.tokens; ++r) {
    const T* const row = task.k[r];
#pragma omp simd
    for (int64_t i = 0; i < task.sizes.key_width; ++i) norm[i] += sigma<A>(load(row[i]));
  }
#pragma omp simd
  for (int64_t i = 0; i < task.sizes.key_width; ++i) norm[i] *= task.gain;
}

template <typename T, typename O>
int64_t write_with(const Write<T>& task, char* memory) {
  using A = Arithmetic<T>;
  constexpr bool converts = !std::is_same_v<O, A>;
  const int64_t n = task.sizes.tokens, D = task.sizes.key_width, E = task.sizes.value_width;
  Scratch scratch(memory);
  O *const sigma_k = scratch.take<O>(write_block * D), *const transposed = scratch.take<O>(write_block * D);
  O *const values = scratch.take<O>(write_block * E), *const normalised = scratch.take<O>(write_block * D);
  O* const right = scratch.take<O>(converts ? right_size<O>(write_block, D > E ? D : E) : 0);
  A* const sigma_row = scratch.take<A>(D);
  if (memory == nullptr) return scratch.used();

  for (int64_t first = 0; first < n; first += write_block) {
    const int64_t rows = smaller(write_block, n - first);
    for (int64_t r = 0; r < rows; ++r) {
      const T* const k = task.k[first + r];
#pragma omp simd
      for (int64_t i = 0; i < D; ++i) sigma_row[i] = sigma<A>(load(k[i]));
      copy_row(sigma_k + r * D, sigma_row, D);
      const T* const v = task.v[first + r];
#pragma omp simd
      for (int64_t i = 0; i < E; ++i) store(values[r * E + i], load(v[i]) * task.gain);
      if (task.transition != nullptr) {
        const A scale = task.gain * reciprocal_or_zero(dot(sigma_row, task.norm, D));
#pragma omp simd
        for (int64_t i = 0; i < D; ++i) store(normalised[r * D + i], sigma_row[i] * scale);
      }
    }
    const Left<O> left = make_left_transposed(sigma_k, D, rows, D, transposed);
    multiply(D, E, rows, left.data, left.stride, make_right(values, E, rows, E, right), task.written, E, first > 0);
    if (task.transition != nullptr) {
      multiply(D, D, rows, left.data, left.stride, make_right(normalised, D, rows, D, right), task.transition, D,
               first > 0);
    }
  }
  return 0;
}

}  // namespace
}  // namespace infini::ops::cpu
