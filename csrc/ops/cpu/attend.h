#pragma once

// One segment read: out = gate · σ(Q)M/(σ(Q)z) + (1 − gate) · softmax(rotate(Q) rotate(K)ᵀ/√D) V, blocks of query rows
// against blocks of keys with a running maximum and sum (FlashAttention), everything of a block in the second cache.
// The softmax's part is written ungated as well, for the backward pass.

#include "ops/cpu/operand.h"

namespace infini::ops::cpu {
namespace {

constexpr int64_t query_block = 128;
constexpr int64_t key_block = 256;
/// Products of a block go by strips of rows, so that on the diagonal each takes only the keys that it sees.
constexpr int64_t strip = panel_columns;
static_assert(key_block % query_block == 0 && query_block % strip == 0,
              "a query sees a key of each block that it meets");

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

template <typename A>
inline A softmax_scale(int64_t key_width) {
  return A(1) / static_cast<A>(__builtin_sqrt(static_cast<double>(key_width)));
}

/// Rotated rows as O.
template <typename O, typename A, typename T>
inline void rotate_rows(O* out, Rows<const T> rows, int64_t first, int64_t count, const A* cos, const A* sin,
                        int64_t width, A scale) {
  for (int64_t r = 0; r < count; ++r) {
    rotate_row(out + r * width, rows[first + r], cos + (first + r) * width, sin + (first + r) * width, width, scale);
  }
}

/// The rows of v as a matrix of O: themselves, where they have that type.
template <typename O, typename T>
inline Rows<const O> value_rows(Rows<const T> v, int64_t tokens, int64_t width, O* buffer) {
  if constexpr (std::is_same_v<O, T>) {
    return v;
  } else {
    for (int64_t r = 0; r < tokens; ++r) copy_row(buffer + r * width, v[r], width);
    return {buffer, width};
  }
}

/// The memory M [D, E], or any state, as rows of O.
template <typename O, typename A>
inline const O* state_rows(const A* state, int64_t count, O* buffer) {
  if constexpr (std::is_same_v<O, A>) {
    return state;
  } else {
    convert(buffer, state, count);
    return buffer;
  }
}

/// σ of a block of rows.
template <typename O, typename T>
inline void sigma_rows(O* out, Rows<const T> x, int64_t first, int64_t count, int64_t width) {
  for (int64_t r = 0; r < count; ++r) {
    const T* const row = x[first + r];
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) store(out[r * width + i], sigma<Arithmetic<T>>(load(row[i])));
  }
}

/// σ(q) of a block of rows, and 1/(σ(q) z) of each. The denominator sums σ(q) as the product with M will see it, so
/// that what rounding to O does to both cancels.
template <typename O, typename A, typename T>
inline void sigma_rows(O* sigma_q, A* scale, Rows<const T> q, int64_t first, int64_t count, int64_t width,
                       const A* norm) {
  for (int64_t r = 0; r < count; ++r) {
    const T* const row = q[first + r];
    O* const out = sigma_q + r * width;
    A denominator = 0;
#pragma omp simd reduction(+ : denominator)
    for (int64_t i = 0; i < width; ++i) {
      store(out[i], sigma<A>(load(row[i])));
      denominator += load(out[i]) * norm[i];
    }
    scale[r] = reciprocal_or_zero(denominator);
  }
}

/// Scores of one row against a block of keys → in place, probabilities relative to the row's new maximum; returns the
/// factor that corrects what was summed under the old one.
template <typename A>
inline A soften_row(A* scores, int64_t valid, A& maximum, A& sum) {
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
  maximum = top;
  sum = sum * correction + added;
  return correction;
}

template <typename T, typename O>
int64_t attend_with(const Attend<T>& task, char* memory) {
  using A = Arithmetic<T>;
  constexpr bool converts = !std::is_same_v<O, A>;
  const int64_t n = task.sizes.tokens, D = task.sizes.key_width, E = task.sizes.value_width;
  const int64_t key_blocks = (n + key_block - 1) / key_block;
  Scratch scratch(memory);
  O *const keys = scratch.take<O>(key_blocks * right_size<O>(D, key_block)), *const rotated =
                                                                                 scratch.take<O>(key_block * D);
  O* const values = scratch.take<O>(std::is_same_v<O, T> ? 0 : n * E);
  O* const values_right = scratch.take<O>(converts ? key_blocks * right_size<O>(key_block, E) : 0);
  O* const queries = scratch.take<O>(query_block * D);
  A* const scores = scratch.take<A>(query_block * key_block);
  O* const probabilities = same_or_new<O>(scratch, scores, query_block * key_block);
  O *const state = scratch.take<O>(converts ? D * E : 0), *const state_right =
                                                              scratch.take<O>(converts ? right_size<O>(D, E) : 0);
  A *const local = scratch.take<A>(query_block * E), *const retrieved = scratch.take<A>(query_block * E);
  A *const maxima = scratch.take<A>(query_block), *const sums = scratch.take<A>(query_block);
  A* const scales = scratch.take<A>(query_block);
  if (memory == nullptr) return scratch.used();

  const Rows<const O> v = value_rows<O>(task.v, n, E, values);
  for (int64_t begin = 0; begin < n; begin += key_block) {
    const int64_t rows = smaller(key_block, n - begin);
    rotate_rows(rotated, task.k, begin, rows, task.cos, task.sin, D, A(1));
    make_right_transposed(rotated, D, rows, D, keys + begin / key_block * right_size<O>(D, key_block));
    make_right(v[begin], v.stride, rows, E, values_right + begin / key_block * right_size<O>(key_block, E));
  }
  const bool reads = reads_memory(task);
  Right<O> memory_right{nullptr, 0};
  if (reads) memory_right = make_right(state_rows(task.memory, D * E, state), E, D, E, state_right);

  for (int64_t head = 0; head < task.sizes.heads; ++head) {
    const Rows<const T> q{task.q.data + head * task.q_head, task.q.stride};
    const A gate = reads ? sigmoid(task.beta[head]) : A(0);
    for (int64_t first = 0; first < n; first += query_block) {
      const int64_t rows = smaller(query_block, n - first);
      rotate_rows(queries, q, first, rows, task.cos, task.sin, D, softmax_scale<A>(D));
      for (int64_t r = 0; r < rows; ++r) {
        maxima[r] = -__builtin_inf();
        sums[r] = 0;
      }
      for (int64_t begin = 0; begin < first + rows; begin += key_block) {
        const int64_t block = smaller(key_block, n - begin), columns = smaller(block, first + rows - begin);
        const int64_t score_stride = padded_columns<O>(columns);
        const int64_t probability_stride = converts ? padded_rows<O>(columns) : score_stride;
        const Right<O> key_right{keys + begin / key_block * right_size<O>(D, key_block), converts ? D : block};
        const Right<O> value_right =
            converts ? Right<O>{values_right + begin / key_block * right_size<O>(key_block, E), padded_rows<O>(block)}
                     : Right<O>{v[begin], v.stride};
        const auto for_each_strip = [&](const auto& body) {
          for (int64_t row = 0; row < rows; row += strip) {
            const int64_t count = smaller(strip, rows - row);
            body(row, count, smaller(columns, first + row + count - begin));
          }
        };
        for_each_strip([&](int64_t row, int64_t count, int64_t seen) {
          multiply(count, seen, D, queries + row * D, D, key_right, scores + row * score_stride, score_stride, false);
        });
        for (int64_t r = 0; r < rows; ++r) {
          const int64_t valid = smaller(columns, first + r + 1 - begin);
          O* const out = probabilities + r * probability_stride;
          A* const row = scores + r * score_stride;
          const A correction = soften_row(row, valid, maxima[r], sums[r]);
          if constexpr (converts) convert(out, row, valid);
          fill_zero(out + valid, probability_stride - valid);
          if (begin > 0 && correction != A(1)) {
            A* const sum = local + r * E;
#pragma omp simd
            for (int64_t i = 0; i < E; ++i) sum[i] *= correction;
          }
        }
        for_each_strip([&](int64_t row, int64_t count, int64_t seen) {
          multiply(count, E, seen, probabilities + row * probability_stride, probability_stride, value_right,
                   local + row * E, E, begin > 0);
        });
      }
      if (reads) {
        sigma_rows(queries, scales, q, first, rows, D, task.norm);
        multiply(rows, E, D, queries, D, memory_right, retrieved, E, false);
      }
      for (int64_t r = 0; r < rows; ++r) {
        T* const out = task.out.data + head * task.out_head + (first + r) * task.out.stride;
        const A local_factor = A(1) / sums[r];
        const A* const local_row = local + r * E;
        if (reads) {
          const A gated_factor = (A(1) - gate) * local_factor, memory_factor = gate * scales[r];
          const A* const retrieved_row = retrieved + r * E;
#pragma omp simd
          for (int64_t i = 0; i < E; ++i) store(out[i], local_row[i] * gated_factor + retrieved_row[i] * memory_factor);
        } else {
#pragma omp simd
          for (int64_t i = 0; i < E; ++i) store(out[i], local_row[i] * local_factor);
        }
        if (task.local.data != nullptr) {
          T* const local_out = task.local.data + head * task.local_head + (first + r) * task.local.stride;
#pragma omp simd
          for (int64_t i = 0; i < E; ++i) store(local_out[i], local_row[i] * local_factor);
        }
        task.logsumexp[head * task.logsumexp_head + first + r] = maxima[r] + static_cast<A>(__builtin_log(sums[r]));
      }
    }
  }
  return 0;
}

}  // namespace
}  // namespace infini::ops::cpu
