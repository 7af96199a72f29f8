#pragma once

// One segment written, as an affine map of the memory before it, M_out = M + written − transition · M:
//
//   written = c σ(K)ᵀ V       transition = c σ(K)ᵀ (σ(K) / (σ(K) z))   (delta; c is the gain)     z_out = z + c Σσ(k)
//
// and its gradient. With w = v − σ(k) M/(σ(k) z) what is written, dw = c σ(k) dM_out:
//
//   dv = dw      dσ(k) = c dM_out w + c dz_out − (M dw)/(σ(k) z) + z Σ(dw·(v − w))/(σ(k) z)
//
// (the last two only for delta, the only rule that reads before it writes). The norms' gradients run from the last
// segment to the first. Linear knows dz_out beforehand; with delta each segment sends to the norm before it, Σ (dw·r)
// σ(k)/(σ(k) z) with r what was retrieved, so that everything else of dk is made first and c dz_out comes last.

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
    const int64_t rows = smaller(write_block, n - first), even = padded_rows<O>(rows);
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
    transpose(transposed, even, sigma_k, D, rows, D);
    for (int64_t i = 0; even > rows && i < D; ++i) store(transposed[i * even + rows], A(0));
    multiply(D, E, rows, transposed, even, make_right(values, E, rows, E, right), task.written, E, first > 0);
    if (task.transition != nullptr) {
      multiply(D, D, rows, transposed, even, make_right(normalised, D, rows, D, right), task.transition, D, first > 0);
    }
  }
  return 0;
}

/// σ(k) of a block, dw = σ(k) · (c dM_out), and for delta what was retrieved, r = σ(k) M / (σ(k) z).
template <typename T, typename O>
struct WriteGradients {
  using A = Arithmetic<T>;
  O *sigma_k, *dmemory_rows, *memory_rows;  // [write_block, D], [D, E], [D, E]
  A *dwritten, *retrieved, *scales;
  Right<O> dmemory{}, memory{};

  WriteGradients(const WriteBackward<T>& task, Scratch& scratch, bool measure) {
    constexpr bool converts = !std::is_same_v<O, A>;
    const int64_t D = task.sizes.key_width, E = task.sizes.value_width;
    sigma_k = scratch.take<O>(write_block * D);
    dmemory_rows = scratch.take<O>(D * E);
    memory_rows = scratch.take<O>(D * E);
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
    convert(memory_rows, task.memory, D * E);
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

/// out = local + own, where local attention sent something.
template <typename T, typename A>
inline void store_sum(T* out, const A* local, const A* own, int64_t width) {
  if (local == nullptr) return copy_row(out, own, width);
#pragma omp simd
  for (int64_t i = 0; i < width; ++i) store(out[i], local[i] + own[i]);
}

template <typename T, typename O>
int64_t write_backward_with(const WriteBackward<T>& task, char* memory) {
  using A = Arithmetic<T>;
  const int64_t D = task.sizes.key_width, E = task.sizes.value_width;
  if (memory != nullptr && task.dmemory == nullptr) {
    keep_local_gradients(task);
    return 0;
  }
  Scratch scratch(memory);
  const WriteGradients<T, O> gradients(task, scratch, memory == nullptr);
  O *const written = scratch.take<O>(write_block * E), *const dretrieved = scratch.take<O>(write_block * E);
  O *const dmemory_buffer = scratch.take<O>(right_size<O>(E, D)), *const memory_buffer =
                                                                      scratch.take<O>(right_size<O>(E, D));
  A *const dsigma = scratch.take<A>(write_block * D), *const products = scratch.take<A>(write_block);
  if (memory == nullptr) return scratch.used();

  const bool delta = task.memory != nullptr;
  if (delta) fill_zero(task.dnorm_before, D);
  const Right<O> dmemory_transposed = make_right_transposed(gradients.dmemory_rows, E, D, E, dmemory_buffer);
  Right<O> memory_transposed{};
  if (delta) memory_transposed = make_right_transposed(gradients.memory_rows, E, D, E, memory_buffer);
  for (int64_t first = 0; first < task.sizes.tokens; first += write_block) {
    const int64_t rows = smaller(write_block, task.sizes.tokens - first);
    gradients.compute(task, first, rows);
    for (int64_t r = 0; r < rows; ++r) {
      const T* const v = task.v[first + r];
      const A* const dwritten = gradients.dwritten + r * E;
      store_sum(task.dv[first + r], task.local_dv == nullptr ? nullptr : task.local_dv + (first + r) * E, dwritten, E);
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
      A* const row = dsigma + r * D;
      if (delta) {
        const A product = products[r];
        A* const dk = task.local_dk + (first + r) * D;
#pragma omp simd
        for (int64_t i = 0; i < D; ++i) {
          const A sigma_ki = load(sigma_k[i]);
          task.dnorm_before[i] += product * sigma_ki;
          dk[i] += (row[i] + product * task.norm[i]) * (load(k[i]) > A(0) ? A(1) : sigma_ki);
        }
        continue;
      }
#pragma omp simd
      for (int64_t i = 0; i < D; ++i) {
        row[i] = (row[i] + task.gain * task.dnorm[i]) * (load(k[i]) > A(0) ? A(1) : load(sigma_k[i]));
      }
      store_sum(task.dk[first + r], task.local_dk == nullptr ? nullptr : task.local_dk + (first + r) * D, row, D);
    }
  }
  return 0;
}

/// delta: dk = what write_backward left + c dz_out σ'(k).
template <typename T>
void add_norm_gradient_with(const WriteBackward<T>& task) {
  using A = Arithmetic<T>;
  for (int64_t r = 0; r < task.sizes.tokens; ++r) {
    const T* const k = task.k[r];
    const A* const left = task.local_dk + r * task.sizes.key_width;
    T* const dk = task.dk[r];
#pragma omp simd
    for (int64_t i = 0; i < task.sizes.key_width; ++i) {
      const A key = load(k[i]);
      store(dk[i], left[i] + task.gain * task.dnorm[i] * (key > A(0) ? A(1) : sigma<A>(key)));
    }
  }
}

}  // namespace
}  // namespace infini::ops::cpu
