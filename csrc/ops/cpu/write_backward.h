#pragma once

// The gradient of one segment written. With c the gain, dw = c dM_outᵀ σ(k) the gradient of what is written, and for
// delta, the only rule that reads before it writes, r = Mᵀσ(k) / (σ(k) z) what it reads and a = dw·r / (σ(k) z):
//
//   dv = dw      dσ(k) = c dM_out (v − r) − M dw / (σ(k) z) + a z + c dz_out      dz = Σ a σ(k)
//
// (without r and a for linear). The norms' gradients run from the last segment to the first before dσ(k) is made, where
// r and dw need not be known again:
//
//   c dM_out r + M dw / (σ(k) z) = Y σ(k) / (σ(k) z)      Y = c (dM_out Mᵀ + M dM_outᵀ)
//
// a = σ(k)·Yσ(k) / (2 (σ(k) z)²) as well, but there so much cancels that dz would lose a digit.

#include "ops/cpu/write.h"

namespace infini::ops::cpu {
namespace {

/// c dM_out as O.
template <typename T, typename O>
inline void gained_dmemory(const WriteBackward<T>& task, O* out) {
#pragma omp simd
  for (int64_t i = 0; i < task.sizes.key_width * task.sizes.value_width; ++i) {
    store(out[i], task.gain * task.dmemory[i]);
  }
}

template <typename T, typename O>
int64_t norm_backward_with(const WriteBackward<T>& task, Arithmetic<T>* dnorm_before, char* memory) {
  using A = Arithmetic<T>;
  constexpr bool converts = !std::is_same_v<O, A>;
  const int64_t D = task.sizes.key_width, E = task.sizes.value_width;
  Scratch scratch(memory);
  O *const dmemory_rows = scratch.take<O>(D * E), *const memory_rows = scratch.take<O>(converts ? D * E : 0);
  O* const dmemory_right = scratch.take<O>(converts ? right_size<O>(D, E) : 0);
  O* const memory_right = scratch.take<O>(converts ? right_size<O>(D, E) : 0);
  O* const sigma_k = scratch.take<O>(write_block * D);
  A *const dwritten = scratch.take<A>(write_block * E), *const read = scratch.take<A>(write_block * E);
  A* const scales = scratch.take<A>(write_block);
  if (memory == nullptr) return scratch.used();

  fill_zero(dnorm_before, D);
  gained_dmemory(task, dmemory_rows);
  const Right<O> dM = make_right(dmemory_rows, E, D, E, dmemory_right);
  const Right<O> M = make_right(state_rows(task.memory, D * E, memory_rows), E, D, E, memory_right);
  for (int64_t first = 0; first < task.sizes.tokens; first += write_block) {
    const int64_t rows = smaller(write_block, task.sizes.tokens - first);
    sigma_rows(sigma_k, scales, task.k, first, rows, D, task.norm);
    multiply(rows, E, D, sigma_k, D, dM, dwritten, E, false);
    multiply(rows, E, D, sigma_k, D, M, read, E, false);
    for (int64_t r = 0; r < rows; ++r) {
      const A scale = scales[r];
      const A *const dwritten_row = dwritten + r * E, *const read_row = read + r * E;
      A a = 0;  // r is scaled first: of small σ(k) the product of all three is less than a float can be
#pragma omp simd reduction(+ : a)
      for (int64_t i = 0; i < E; ++i) a += dwritten_row[i] * (read_row[i] * scale);
      a *= scale;
      task.along_norm[first + r] = a;
#pragma omp simd
      for (int64_t i = 0; i < D; ++i) dnorm_before[i] += a * load(sigma_k[r * D + i]);
    }
  }
  return 0;
}

/// Y of delta as a right operand.
template <typename T, typename O>
Right<O> symmetric_reading(const WriteBackward<T>& task, Scratch& scratch, bool measure) {
  using A = Arithmetic<T>;
  const int64_t D = task.sizes.key_width, E = task.sizes.value_width;
  constexpr bool converts = !std::is_same_v<O, A>;
  A *const transposed = scratch.take<A>(E * D), *const product = scratch.take<A>(D * D);
  O *const rows = scratch.take<O>(converts ? D * D : 0), *const right =
                                                             scratch.take<O>(converts ? right_size<O>(D, D) : 0);
  if (measure || task.memory == nullptr) return {};
  transpose(transposed, D, task.memory, E, D, E);
  multiply(D, D, E, task.dmemory, E, transposed, D, product, D, false);
  for (int64_t i = 0; i < D; ++i) {
    for (int64_t j = 0; j <= i; ++j) {
      product[i * D + j] = product[j * D + i] = task.gain * (product[i * D + j] + product[j * D + i]);
    }
  }
  return make_right(state_rows(product, D * D, rows), D, D, D, right);
}

/// Adds to dk [tokens, D] and dv [tokens, E].
template <typename T, typename O>
int64_t write_backward_with(const WriteBackward<T>& task, Arithmetic<T>* dk, Arithmetic<T>* dv, char* memory) {
  using A = Arithmetic<T>;
  constexpr bool converts = !std::is_same_v<O, A>;
  const int64_t D = task.sizes.key_width, E = task.sizes.value_width;
  Scratch scratch(memory);
  const Right<O> Y = symmetric_reading<T, O>(task, scratch, memory == nullptr);
  O *const dmemory_rows = scratch.take<O>(D * E), *const sigma_k = scratch.take<O>(write_block * D);
  O* const dmemory_right = scratch.take<O>(converts ? right_size<O>(D, E) : 0);
  O* const dmemory_transposed_right = scratch.take<O>(right_size<O>(E, D));
  O* const values = scratch.take<O>(std::is_same_v<O, T> ? 0 : write_block * E);
  A *const dsigma = scratch.take<A>(write_block * D), *const reading = scratch.take<A>(write_block * D);
  A* const scales = scratch.take<A>(write_block);
  if (memory == nullptr) return scratch.used();

  const bool delta = task.memory != nullptr;
  gained_dmemory(task, dmemory_rows);
  const Right<O> dM = make_right(dmemory_rows, E, D, E, dmemory_right);
  const Right<O> dM_transposed = make_right_transposed(dmemory_rows, E, D, E, dmemory_transposed_right);
  for (int64_t first = 0; first < task.sizes.tokens; first += write_block) {
    const int64_t rows = smaller(write_block, task.sizes.tokens - first);
    const Rows<const T> block{task.v[first], task.v.stride};
    const Rows<const O> v = value_rows<O>(block, rows, E, values);
    if (delta) {
      sigma_rows(sigma_k, scales, task.k, first, rows, D, task.norm);
      multiply(rows, D, D, sigma_k, D, Y, reading, D, false);
    } else {
      sigma_rows(sigma_k, task.k, first, rows, D);
    }
    multiply(rows, E, D, sigma_k, D, dM, dv + first * E, E, true);
    multiply(rows, D, E, v.data, v.stride, dM_transposed, dsigma, D, false);
    for (int64_t r = 0; r < rows; ++r) {
      const T* const k = task.k[first + r];
      A *const row = dsigma + r * D, *const dk_row = dk + (first + r) * D;
      if (delta) {
        const A a = task.along_norm[first + r];
#pragma omp simd
        for (int64_t i = 0; i < D; ++i) row[i] += a * task.norm[i] - scales[r] * reading[r * D + i];
      }
#pragma omp simd
      for (int64_t i = 0; i < D; ++i) {
        const A slope = sigma_slope(load(k[i]), load(sigma_k[r * D + i]));
        dk_row[i] += (row[i] + task.gain * task.dnorm[i]) * slope;
      }
    }
  }
  return 0;
}

}  // namespace
}  // namespace infini::ops::cpu
