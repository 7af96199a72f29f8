#pragma once

// One segment written, as an affine map of the memory before it, M_out = M + written − transition · M:
//
//   written = c σ(K)ᵀ V       transition = c σ(K)ᵀ (σ(K) / (σ(K) z))   (delta; c is the gain)       z_out = z + c Σ σ(k)
//
// and its gradient. With w = v − σ(k) M/(σ(k) z) what is written, dw = c σ(k) dM_out:
//
//   dv = dw      dσ(k) = c dM_out w + c dz_out − (M dw)/(σ(k) z) + z Σ(dw·(v − w))/(σ(k) z)
//
// (the last two only for delta, the only rule that reads before it writes).

#include "ops/cpu/vector_math.h"

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

template <typename T>
int64_t write_with(const Write<T>& task, char* memory) {
  using A = Arithmetic<T>;
  const int64_t n = task.sizes.tokens, D = task.sizes.key_width, E = task.sizes.value_width;
  Scratch scratch(memory);
  A *const sigma_k = scratch.take<A>(write_block * D), *const transposed = scratch.take<A>(write_block * D);
  A *const values = scratch.take<A>(write_block * E), *const normalised = scratch.take<A>(write_block * D);
  if (memory == nullptr) return scratch.used();

  for (int64_t first = 0; first < n; first += write_block) {
    const int64_t rows = smaller(write_block, n - first);
    for (int64_t r = 0; r < rows; ++r) {
      const T* const k = task.k[first + r];
      A* const sigma_row = sigma_k + r * D;
#pragma omp simd
      for (int64_t i = 0; i < D; ++i) sigma_row[i] = sigma<A>(load(k[i]));
      const T* const v = task.v[first + r];
#pragma omp simd
      for (int64_t i = 0; i < E; ++i) values[r * E + i] = load(v[i]) * task.gain;
      if (task.transition != nullptr) {
        const A scale = task.gain * reciprocal_or_zero(dot(sigma_row, task.norm, D));
#pragma omp simd
        for (int64_t i = 0; i < D; ++i) normalised[r * D + i] = sigma_row[i] * scale;
      }
    }
    transpose(transposed, rows, sigma_k, D, rows, D);
    multiply(D, E, rows, transposed, rows, values, E, task.written, E, first > 0);
    if (task.transition != nullptr) {
      multiply(D, D, rows, transposed, rows, normalised, D, task.transition, D, first > 0);
    }
  }
  return 0;
}

/// σ(k) of a block, dw = σ(k) · (c dM_out), and for delta what was retrieved, r = σ(k) M / (σ(k) z).
template <typename T, typename A>
struct WriteGradients {
  A *sigma_k, *dwritten, *retrieved, *scales, *dmemory;

  WriteGradients(const WriteBackward<T>& task, Scratch& scratch, bool measure) {
    const int64_t D = task.sizes.key_width, E = task.sizes.value_width;
    sigma_k = scratch.take<A>(write_block * D);
    dwritten = scratch.take<A>(write_block * E);
    retrieved = scratch.take<A>(write_block * E);
    scales = scratch.take<A>(write_block);
    dmemory = scratch.take<A>(D * E);
    if (measure) return;
    for (int64_t i = 0; i < D * E; ++i) dmemory[i] = task.gain * task.dmemory[i];
  }

  void compute(const WriteBackward<T>& task, int64_t first, int64_t rows) const {
    const int64_t D = task.sizes.key_width, E = task.sizes.value_width;
    for (int64_t r = 0; r < rows; ++r) {
      const T* const k = task.k[first + r];
#pragma omp simd
      for (int64_t i = 0; i < D; ++i) sigma_k[r * D + i] = sigma<A>(load(k[i]));
    }
    multiply(rows, E, D, sigma_k, D, dmemory, E, dwritten, E, false);
    if (task.memory == nullptr) return;
    multiply(rows, E, D, sigma_k, D, task.memory, E, retrieved, E, false);
    for (int64_t r = 0; r < rows; ++r) {
      scales[r] = reciprocal_or_zero(dot(sigma_k + r * D, task.norm, D));
#pragma omp simd
      for (int64_t i = 0; i < E; ++i) retrieved[r * E + i] *= scales[r];
    }
  }
};

template <typename T>
int64_t delta_norm_backward_with(const WriteBackward<T>& task, Arithmetic<T>* dnorm, char* memory) {
  using A = Arithmetic<T>;
  Scratch scratch(memory);
  const WriteGradients<T, A> gradients(task, scratch, memory == nullptr);
  if (memory == nullptr) return scratch.used();

  const int64_t D = task.sizes.key_width, E = task.sizes.value_width;
  fill_zero(dnorm, D);
  for (int64_t first = 0; first < task.sizes.tokens; first += write_block) {
    const int64_t rows = smaller(write_block, task.sizes.tokens - first);
    gradients.compute(task, first, rows);
    for (int64_t r = 0; r < rows; ++r) {
      const A product = dot(gradients.dwritten + r * E, gradients.retrieved + r * E, E) * gradients.scales[r];
#pragma omp simd
      for (int64_t i = 0; i < D; ++i) dnorm[i] += product * gradients.sigma_k[r * D + i];
    }
  }
  return 0;
}

/// A segment that was not written: its gradient is local attention's alone.
template <typename T>
void keep_local_gradients(const WriteBackward<T>& task) {
  const int64_t D = task.sizes.key_width, E = task.sizes.value_width;
  for (int64_t r = 0; r < task.sizes.tokens; ++r) {
    T *const dk = task.dk[r], *const dv = task.dv[r];
#pragma omp simd
    for (int64_t i = 0; i < D; ++i) store(dk[i], task.local_dk == nullptr ? 0 : task.local_dk[r * D + i]);
#pragma omp simd
    for (int64_t i = 0; i < E; ++i) store(dv[i], task.local_dv == nullptr ? 0 : task.local_dv[r * E + i]);
  }
}

template <typename T>
int64_t write_backward_with(const WriteBackward<T>& task, char* memory) {
  using A = Arithmetic<T>;
  const int64_t D = task.sizes.key_width, E = task.sizes.value_width;
  const bool written = task.dmemory != nullptr;
  Scratch scratch(memory);
  if (memory != nullptr && !written) {
    keep_local_gradients(task);
    return 0;
  }
  const WriteGradients<T, A> gradients(task, scratch, memory == nullptr);
  A *const values = scratch.take<A>(write_block * E), *const dsigma = scratch.take<A>(write_block * D);
  A *const products = scratch.take<A>(write_block), *const dmemory_transposed = scratch.take<A>(D * E);
  A* const memory_transposed = scratch.take<A>(D * E);
  if (memory == nullptr) return scratch.used();

  const bool delta = task.memory != nullptr;
  transpose(dmemory_transposed, D, gradients.dmemory, E, D, E);
  if (delta) transpose(memory_transposed, D, task.memory, E, D, E);
  for (int64_t first = 0; first < task.sizes.tokens; first += write_block) {
    const int64_t rows = smaller(write_block, task.sizes.tokens - first);
    gradients.compute(task, first, rows);
    for (int64_t r = 0; r < rows; ++r) {
      A* const value = values + r * E;
      load_row(value, task.v[first + r], E);
      A* const dwritten = gradients.dwritten + r * E;
      T* const dv = task.dv[first + r];
      const A* const local = task.local_dv == nullptr ? nullptr : task.local_dv + (first + r) * E;
      if (local != nullptr) {
#pragma omp simd
        for (int64_t i = 0; i < E; ++i) store(dv[i], local[i] + dwritten[i]);
      } else {
#pragma omp simd
        for (int64_t i = 0; i < E; ++i) store(dv[i], dwritten[i]);
      }
      if (!delta) continue;
      const A* const retrieved = gradients.retrieved + r * E;
      products[r] = dot(dwritten, retrieved, E) * gradients.scales[r];
#pragma omp simd
      for (int64_t i = 0; i < E; ++i) {
        value[i] -= retrieved[i];
        dwritten[i] *= -gradients.scales[r];
      }
    }
    multiply(rows, D, E, values, E, dmemory_transposed, D, dsigma, D, false);
    if (delta) multiply(rows, D, E, gradients.dwritten, E, memory_transposed, D, dsigma, D, true);
    for (int64_t r = 0; r < rows; ++r) {
      const T* const k = task.k[first + r];
      T* const dk = task.dk[first + r];
      const A product = delta ? products[r] : A(0);
      const A* const sigma_k = gradients.sigma_k + r * D;
      const A* const norm = delta ? task.norm : task.dnorm;  // times zero where there is none
      const A* const local = task.local_dk == nullptr ? nullptr : task.local_dk + (first + r) * D;
      A* const row = dsigma + r * D;
#pragma omp simd
      for (int64_t i = 0; i < D; ++i) {
        const A whole = row[i] + task.gain * task.dnorm[i] + product * norm[i];
        row[i] = whole * (load(k[i]) > A(0) ? A(1) : sigma_k[i]);
      }
      if (local != nullptr) {
#pragma omp simd
        for (int64_t i = 0; i < D; ++i) store(dk[i], local[i] + row[i]);
      } else {
#pragma omp simd
        for (int64_t i = 0; i < D; ++i) store(dk[i], row[i]);
      }
    }
  }
  return 0;
}

}  // namespace
}  // namespace infini::ops::cpu
