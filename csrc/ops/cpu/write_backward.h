#pragma once

// The gradient of one segment written. With w = v − σ(k) M/(σ(k) z) what is written, r = σ(k) M/(σ(k) z) what delta
// retrieves for it, c the gain, and dw = c σ(k) dM_out:
//
//   dv = dw      dσ(k) = c dM_out w + c dz_out − (M dw)/(σ(k) z) + z Σ(dw·r)/(σ(k) z)      dz = Σ (dw·r) σ(k)/(σ(k) z)
//
// (what has r or M, only for delta, the only rule that reads before it writes). The norms' gradients run from the last
// segment to the first before dσ(k) is made, so that delta computes dw and r twice.

#include "ops/cpu/write.h"

namespace infini::ops::cpu {
namespace {

/// σ(k) of a block, dw = σ(k) · (c dM_out), and for delta what was retrieved, r = σ(k) M / (σ(k) z).
template <typename T, typename O>
struct WriteGradients {
  using A = Arithmetic<T>;
  O *sigma_k, *dmemory_rows;       // [write_block, D], [D, E]
  const O* memory_rows = nullptr;  // [D, E]
  A *dwritten, *retrieved, *scales;
  Right<O> dmemory{}, memory{};

  WriteGradients(const WriteBackward<T>& task, Scratch& scratch, bool measure) {
    constexpr bool converts = !std::is_same_v<O, A>;
    const int64_t D = task.sizes.key_width, E = task.sizes.value_width;
    sigma_k = scratch.take<O>(write_block * D);
    dmemory_rows = scratch.take<O>(D * E);
    O* const memory_buffer = scratch.take<O>(converts ? D * E : 0);
    O* const dmemory_right = scratch.take<O>(converts ? right_size<O>(D, E) : 0);
    O* const memory_right = scratch.take<O>(converts ? right_size<O>(D, E) : 0);
    dwritten = scratch.take<A>(write_block * E);
    retrieved = scratch.take<A>(write_block * E);
    scales = scratch.take<A>(write_block);
    if (measure) return;
#pragma omp simd
    for (int64_t i = 0; i < D * E; ++i) store(dmemory_rows[i], task.gain * task.dmemory[i]);
    dmemory = make_right(dmemory_rows, E, D, E, dmemory_right);
    if (task.memory == nullptr) return;
    memory_rows = state_rows(task.memory, D * E, memory_buffer);
    memory = make_right(memory_rows, E, D, E, memory_right);
  }

  void compute(const WriteBackward<T>& task, int64_t first, int64_t rows) const {
    const int64_t D = task.sizes.key_width, E = task.sizes.value_width;
    if (task.memory == nullptr) {
      for (int64_t r = 0; r < rows; ++r) {
        const T* const k = task.k[first + r];
#pragma omp simd
        for (int64_t i = 0; i < D; ++i) store(sigma_k[r * D + i], sigma<A>(load(k[i])));
      }
    } else {
      sigma_rows(sigma_k, scales, task.k, first, rows, D, task.norm);
      multiply(rows, E, D, sigma_k, D, memory, retrieved, E, false);
      for (int64_t r = 0; r < rows; ++r) {
#pragma omp simd
        for (int64_t i = 0; i < E; ++i) retrieved[r * E + i] *= scales[r];
      }
    }
    multiply(rows, E, D, sigma_k, D, dmemory, dwritten, E, false);
  }
};

template <typename T, typename O>
int64_t norm_backward_with(const WriteBackward<T>& task, Arithmetic<T>* dnorm_before, char* memory) {
  using A = Arithmetic<T>;
  const int64_t D = task.sizes.key_width, E = task.sizes.value_width;
  Scratch scratch(memory);
  const WriteGradients<T, O> gradients(task, scratch, memory == nullptr);
  if (memory == nullptr) return scratch.used();

  fill_zero(dnorm_before, D);
  for (int64_t first = 0; first < task.sizes.tokens; first += write_block) {
    const int64_t rows = smaller(write_block, task.sizes.tokens - first);
    gradients.compute(task, first, rows);
    for (int64_t r = 0; r < rows; ++r) {
      const A product = dot(gradients.dwritten + r * E, gradients.retrieved + r * E, E) * gradients.scales[r];
#pragma omp simd
      for (int64_t i = 0; i < D; ++i) dnorm_before[i] += product * load(gradients.sigma_k[r * D + i]);
    }
  }
  return 0;
}

/// Adds to dk [tokens, D] and dv [tokens, E].
template <typename T, typename O>
int64_t write_backward_with(const WriteBackward<T>& task, Arithmetic<T>* dk, Arithmetic<T>* dv, char* memory) {
  using A = Arithmetic<T>;
  const int64_t D = task.sizes.key_width, E = task.sizes.value_width;
  Scratch scratch(memory);
  const WriteGradients<T, O> gradients(task, scratch, memory == nullptr);
  O *const written = scratch.take<O>(write_block * E), *const dretrieved = scratch.take<O>(write_block * E);
  O* const dmemory_buffer = scratch.take<O>(right_size<O>(E, D));
  O* const memory_buffer = scratch.take<O>(right_size<O>(E, D));
  A *const dsigma = scratch.take<A>(write_block * D), *const products = scratch.take<A>(write_block);
  if (memory == nullptr) return scratch.used();

  const bool delta = task.memory != nullptr;
  const Right<O> dmemory_transposed = make_right_transposed(gradients.dmemory_rows, E, D, E, dmemory_buffer);
  Right<O> memory_transposed{};
  if (delta) memory_transposed = make_right_transposed(gradients.memory_rows, E, D, E, memory_buffer);
  for (int64_t first = 0; first < task.sizes.tokens; first += write_block) {
    const int64_t rows = smaller(write_block, task.sizes.tokens - first);
    gradients.compute(task, first, rows);
    for (int64_t r = 0; r < rows; ++r) {
      const T* const v = task.v[first + r];
      const A* const dwritten = gradients.dwritten + r * E;
      A* const dv_row = dv + (first + r) * E;
#pragma omp simd
      for (int64_t i = 0; i < E; ++i) dv_row[i] += dwritten[i];
      if (!delta) {
        copy_row(written + r * E, v, E);
        continue;
      }
      const A* const retrieved = gradients.retrieved + r * E;
      const A scale = gradients.scales[r];
      products[r] = dot(dwritten, retrieved, E) * scale;
#pragma omp simd
      for (int64_t i = 0; i < E; ++i) {
        store(written[r * E + i], load(v[i]) - retrieved[i]);
        store(dretrieved[r * E + i], -scale * dwritten[i]);
      }
    }
    multiply(rows, D, E, written, E, dmemory_transposed, dsigma, D, false);
    if (delta) multiply(rows, D, E, dretrieved, E, memory_transposed, dsigma, D, true);
    for (int64_t r = 0; r < rows; ++r) {
      const T* const k = task.k[first + r];
      const O* const sigma_k = gradients.sigma_k + r * D;
      A *const row = dsigma + r * D, *const dk_row = dk + (first + r) * D;
      if (delta) {
#pragma omp simd
        for (int64_t i = 0; i < D; ++i) row[i] += products[r] * task.norm[i];
      }
#pragma omp simd
      for (int64_t i = 0; i < D; ++i) {
        const A slope = load(k[i]) > A(0) ? A(1) : load(sigma_k[i]);
        dk_row[i] += (row[i] + task.gain * task.dnorm[i]) * slope;
      }
    }
  }
  return 0;
}

}  // namespace
}  // namespace infini::ops::cpu
