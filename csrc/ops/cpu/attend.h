#pragma once

// One segment read: out = gate · σ(Q)M/(σ(Q)z) + (1 − gate) · softmax(rotate(Q) rotate(K)ᵀ/√D) V, blocks of query rows
// against blocks of keys with a running maximum and sum (FlashAttention), everything of a block in the second cache.

#include "ops/cpu/vector_math.h"

namespace infini::ops::cpu {
namespace {

constexpr int64_t query_block = 128;
constexpr int64_t key_block = 256;

template <typename A>
inline bool any_nonzero(const A* x, int64_t width) {
  bool any = false;
  for (int64_t i = 0; i < width; ++i) any |= x[i] != A(0);
  return any;
}

/// The memory is empty where the norm is all zero: then the output is local attention alone.
template <typename T, typename A>
inline bool reads_memory(const Attend<T, A>& task) {
  return task.norm != nullptr && any_nonzero(task.norm, task.sizes.key_width);
}

/// σ(q) of a block of rows, and 1/(σ(q) z) of each.
template <typename T, typename A>
inline void sigma_rows(A* sigma_q, A* scale, const T* q, int64_t stride, int64_t rows, int64_t width, const A* norm) {
  for (int64_t r = 0; r < rows; ++r) {
    const T* const row = q + r * stride;
    A* const out = sigma_q + r * width;
    A denominator = 0;
#pragma omp simd reduction(+ : denominator)
    for (int64_t i = 0; i < width; ++i) {
      out[i] = sigma<A>(load(row[i]));
      denominator += out[i] * norm[i];
    }
    scale[r] = reciprocal_or_zero(denominator);
  }
}

/// Scores of one row against a block of keys → probabilities relative to the row's new maximum; returns the factor that
/// corrects what was summed under the old one.
template <typename A>
inline A soften_row(A* scores, int64_t valid, int64_t columns, A& maximum, A& sum) {
  A top = maximum;
#pragma omp simd reduction(max : top)
  for (int64_t c = 0; c < valid; ++c) top = scores[c] > top ? scores[c] : top;
  const A correction = exponential(maximum - top);
  A added = 0;
#pragma omp simd reduction(+ : added)
  for (int64_t c = 0; c < valid; ++c) {
    scores[c] = exponential(scores[c] - top);
    added += scores[c];
  }
  for (int64_t c = valid; c < columns; ++c) scores[c] = 0;
  maximum = top;
  sum = sum * correction + added;
  return correction;
}

template <typename T>
int64_t attend_with(const Attend<T>& task, char* memory) {
  using A = Arithmetic<T>;
  const int64_t n = task.sizes.tokens, D = task.sizes.key_width, E = task.sizes.value_width;
  Scratch scratch(memory);
  A* const keys = scratch.take<A>(D * n);  // rotated; each block of keys transposed
  A* const row = scratch.take<A>(key_block * D);
  A* const values = std::is_same_v<T, A> ? nullptr : scratch.take<A>(n * E);
  A* const queries = scratch.take<A>(query_block * D);
  A* const scores = scratch.take<A>(query_block * key_block);
  A* const local = scratch.take<A>(query_block * E);
  A* const retrieved = scratch.take<A>(query_block * E);
  A *const maxima = scratch.take<A>(query_block), *const sums = scratch.take<A>(query_block);
  A* const scales = scratch.take<A>(query_block);
  if (memory == nullptr) return scratch.used();

  for (int64_t begin = 0; begin < n; begin += key_block) {
    const int64_t rows = smaller(key_block, n - begin);
    for (int64_t r = 0; r < rows; ++r) {
      rotate_row(row + r * D, task.k[begin + r], task.cos + (begin + r) * D, task.sin + (begin + r) * D, D, A(1));
    }
    transpose(keys + begin * D, rows, row, D, rows, D);
  }
  const A* value_rows = values;
  int64_t value_stride = E;
  if constexpr (std::is_same_v<T, A>) {
    value_rows = task.v.data;
    value_stride = task.v.stride;
  } else {
    for (int64_t r = 0; r < n; ++r) load_row(values + r * E, task.v[r], E);
  }

  const bool reads = reads_memory(task);
  const A softmax_scale = A(1) / static_cast<A>(__builtin_sqrt(static_cast<double>(D)));
  for (int64_t head = 0; head < task.sizes.heads; ++head) {
    const T* const q = task.q.data + head * task.q_head;
    const A gate = reads ? sigmoid(task.beta[head]) : A(0);
    for (int64_t first = 0; first < n; first += query_block) {
      const int64_t rows = smaller(query_block, n - first);
      for (int64_t r = 0; r < rows; ++r) {
        rotate_row(queries + r * D, q + (first + r) * task.q.stride, task.cos + (first + r) * D,
                   task.sin + (first + r) * D, D, softmax_scale);
        maxima[r] = -__builtin_inf();
        sums[r] = 0;
      }
      for (int64_t begin = 0; begin < first + rows; begin += key_block) {
        const int64_t columns = smaller(key_block, first + rows - begin);
        multiply(rows, columns, D, queries, D, keys + begin * D, smaller(key_block, n - begin), scores, columns, false);
        for (int64_t r = 0; r < rows; ++r) {
          const int64_t valid = smaller(columns, first + r + 1 - begin);
          if (valid <= 0) {
            fill_zero(scores + r * columns, columns);
            continue;
          }
          const A correction = soften_row(scores + r * columns, valid, columns, maxima[r], sums[r]);
          if (begin > 0 && correction != A(1)) {
            A* const sum = local + r * E;
#pragma omp simd
            for (int64_t i = 0; i < E; ++i) sum[i] *= correction;
          }
        }
        multiply(rows, E, columns, scores, columns, value_rows + begin * value_stride, value_stride, local, E,
                 begin > 0);
      }
      if (reads) {
        sigma_rows(queries, scales, q + first * task.q.stride, task.q.stride, rows, D, task.norm);
        multiply(rows, E, D, queries, D, task.memory, E, retrieved, E, false);
      }
      for (int64_t r = 0; r < rows; ++r) {
        T* const out = task.out.data + head * task.out_head + (first + r) * task.out.stride;
        const A local_factor = (A(1) - gate) / sums[r];
        const A* const local_row = local + r * E;
        if (reads) {
          const A memory_factor = gate * scales[r];
          const A* const retrieved_row = retrieved + r * E;
#pragma omp simd
          for (int64_t i = 0; i < E; ++i) store(out[i], local_row[i] * local_factor + retrieved_row[i] * memory_factor);
        } else {
#pragma omp simd
          for (int64_t i = 0; i < E; ++i) store(out[i], local_row[i] * local_factor);
        }
        task.logsumexp[head * task.logsumexp_head + first + r] = maxima[r] + static_cast<A>(__builtin_log(sums[r]));
      }
    }
  }
  return 0;
}

}  // namespace
}  // namespace infini::ops::cpu
