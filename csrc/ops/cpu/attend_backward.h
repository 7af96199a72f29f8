#pragma once

// The gradient of one segment read, without what retrieve_backward.h sends to the state. With P the softmax, dP = dA Vᵀ
// and δ = Σ P∘dP per query (dA the gradient of A_dot):
//
//   dV = Pᵀ dA      dS = P ∘ (dP − δ)      dK = dSᵀ Q      dQ = dS K          (rotated, scaled)
//
// P is recomputed from the saved logsumexp. Tiles are held transposed, keys by queries, so that Pᵀ and dSᵀ are at hand
// as left operands and dQᵀ = Kᵀ dSᵀ needs one small transpose for each block of queries. With dA = (1 − gate) dout:
//
//   δ = (1 − gate) Σ dout·A_dot      dβ = gate (1 − gate) (Σ dout·A_mem − Σ P∘(dout Vᵀ))
//
// δ takes A_dot as the forward pass saved it. The sums for β go over all tokens and mostly cancel, so that more
// precision is asked of their terms: Σ P∘(dout Vᵀ) = Σ dout·A_dot sees no rounding of A_dot, and what the rounding of Q
// and K to the operands' type does to it is taken back, to first order, with the gradients at hand:
//
//   (1 − gate) Σ P∘(dout Vᵀ) += Σ dQ·(Q − rounded Q) + Σ dK·(K − rounded K)
//
// q's gradient through the memory, with u = gate · dout / (σ(q) z):
//
//   dσ(q) = u Mᵀ − (Σ u·A_mem) zᵀ

#include "ops/cpu/attend.h"

namespace infini::ops::cpu {
namespace {

/// The gradient of a block of query rows through the memory.
template <typename T, typename O>
class QueryGradientThroughMemory {
 public:
  using A = Arithmetic<T>;

  QueryGradientThroughMemory(const Attend<T>& forward, Scratch& scratch, bool reads)
      : norm_(forward.norm), D_(forward.sizes.key_width), E_(forward.sizes.value_width) {
    O* const state = scratch.take<O>(std::is_same_v<O, A> ? 0 : D_ * E_);
    O* const transposed = scratch.take<O>(right_size<O>(E_, D_));
    sigma_q_ = scratch.take<O>(query_block * D_);
    upstream_ = scratch.take<O>(query_block * E_);
    scales_ = scratch.take<A>(query_block);
    if (!reads) return;
    memory_transposed_ = make_right_transposed(state_rows(forward.memory, D_ * E_, state), E_, D_, E_, transposed);
  }

  /// `along_norm` is Σ u·A_mem of the rows.
  void operator()(Rows<const T> q, const A* dout, const A* along_norm, int64_t first, int64_t rows, A gate,
                  A* dq) const {
    sigma_rows(sigma_q_, scales_, q, first, rows, D_, norm_);
    for (int64_t r = 0; r < rows; ++r) {
      const A factor = gate * scales_[r];
#pragma omp simd
      for (int64_t i = 0; i < E_; ++i) store(upstream_[r * E_ + i], factor * dout[r * E_ + i]);
    }
    multiply(rows, D_, E_, upstream_, E_, memory_transposed_, dq, D_, false);
    for (int64_t r = 0; r < rows; ++r) {
      const T* const x = q[first + r];
      const A product = along_norm[r];
#pragma omp simd
      for (int64_t i = 0; i < D_; ++i) {
        const A slope = sigma_slope(load(x[i]), load(sigma_q_[r * D_ + i]));
        dq[r * D_ + i] = (dq[r * D_ + i] - product * norm_[i]) * slope;
      }
    }
  }

 private:
  const A* norm_;
  int64_t D_, E_;
  Right<O> memory_transposed_{};
  O *sigma_q_, *upstream_;
  A* scales_;
};

/// One row of a tile, one key's scores and dout Vᵀ for the queries that see it → in place, share · P and dS, where
/// `share` is local attention's in the output. Returns Σ P∘(dout Vᵀ).
template <typename A>
inline A soften_tile_row(A* scores, A* dprobabilities, int64_t queries, const A* logsumexp, const A* delta, A share) {
  A products = 0;
#pragma omp simd reduction(+ : products)
  for (int64_t r = 0; r < queries; ++r) {
    const A probability = exponential(scores[r] - logsumexp[r]), dprobability = dprobabilities[r];
    products += probability * dprobability;
    dprobabilities[r] = probability * (share * dprobability - delta[r]);
    scores[r] = share * probability;
  }
  return products;
}

/// Rotated rows as O, and where that rounds, what it took from each number. `row` is scratch memory.
template <typename O, typename A, typename T>
inline void rotate_rows_with_rest(O* out, O* rest, Rows<const T> rows, int64_t first, int64_t count, const A* cos,
                                  const A* sin, int64_t width, A scale, A* row) {
  if constexpr (std::is_same_v<O, A>) {
    rotate_rows(out, rows, first, count, cos, sin, width, scale);
  } else {
    for (int64_t r = 0; r < count; ++r) {
      rotate_row(row, rows[first + r], cos + (first + r) * width, sin + (first + r) * width, width, scale);
#pragma omp simd
      for (int64_t i = 0; i < width; ++i) {
        store(out[r * width + i], row[i]);
        store(rest[r * width + i], row[i] - load(out[r * width + i]));
      }
    }
  }
}

/// dk [tokens, D] and dv [tokens, E] are what comes through local attention.
template <typename T, typename O>
int64_t attend_backward_with(const AttendBackward<T>& task, Arithmetic<T>* dk, Arithmetic<T>* dv, char* memory) {
  using A = Arithmetic<T>;
  constexpr bool converts = !std::is_same_v<O, A>;
  const Attend<T>& forward = task.forward;
  const int64_t n = forward.sizes.tokens, D = forward.sizes.key_width, E = forward.sizes.value_width;
  Scratch scratch(memory);
  O* const keys = scratch.take<O>((n + 1) * D);                     // rotated
  O* const keys_rest = scratch.take<O>(converts ? n * D : 0);       // what rounding took from them
  O* const keys_transposed = scratch.take<O>((n + key_block) * D);  // each block of keys transposed
  O* const values = scratch.take<O>(std::is_same_v<O, T> ? 0 : n * E);
  O *const queries = scratch.take<O>(query_block * D), *const queries_right = scratch.take<O>(
                                                           converts ? right_size<O>(query_block, D) : 0);
  O* const queries_rest = scratch.take<O>(converts ? query_block * D : 0);
  O* const queries_transposed = scratch.take<O>(right_size<O>(D, query_block));
  A* const dlocal = scratch.take<A>(query_block * E);
  O* const dlocal_rows = same_or_new<O>(scratch, dlocal, query_block * E);
  O* const dlocal_right = scratch.take<O>(converts ? right_size<O>(query_block, E) : 0);
  O* const dlocal_transposed = scratch.take<O>(right_size<O>(E, query_block));
  A *const scores = scratch.take<A>(query_block * key_block), *const dprobabilities =
                                                                  scratch.take<A>(query_block * key_block);
  O* const probabilities = same_or_new<O>(scratch, scores, query_block * key_block);
  O* const dscores = same_or_new<O>(scratch, dprobabilities, query_block * key_block);
  O* const dscores_right = scratch.take<O>(converts ? right_size<O>(key_block, query_block) : 0);
  A *const dqueries = scratch.take<A>(query_block * D), *const dqueries_transposed = scratch.take<A>(D * query_block);
  A *const dq_memory = scratch.take<A>(query_block * D), *const dq_local = scratch.take<A>(D);
  A* const delta = scratch.take<A>(query_block);
  const bool reads = memory != nullptr && reads_memory(forward);
  const QueryGradientThroughMemory<T, O> through_memory(forward, scratch, reads);
  if (memory == nullptr) return scratch.used();

  rotate_rows_with_rest(keys, keys_rest, forward.k, 0, n, forward.cos, forward.sin, D, A(1), dq_local);
  for (int64_t begin = 0; begin < n; begin += key_block) {
    const int64_t rows = smaller(key_block, n - begin);
    make_left_transposed(keys + begin * D, D, rows, D, keys_transposed + begin * D);
  }
  const Rows<const O> v = value_rows<O>(forward.v, n, E, values);
  fill_zero(dk, n * D);
  double keys_rest_sum = 0;  // Σ dK·(K − rounded K)
  fill_zero(dv, n * E);

  for (int64_t head = 0; head < forward.sizes.heads; ++head) {
    const Rows<const T> q{forward.q.data + head * forward.q_head, forward.q.stride};
    const Rows<const T> local{forward.local.data + head * forward.local_head, forward.local.stride};
    const Rows<const T> dout{task.dout.data + head * task.dout_head, task.dout.stride};
    const Rows<T> dq{task.dq.data + head * task.dq_head, task.dq.stride};
    const A* const logsumexp = forward.logsumexp + head * forward.logsumexp_head;
    const A gate = reads ? sigmoid(forward.beta[head]) : A(0);
    double along_local = 0;              // Σ P∘(dout Vᵀ)
    double along_rest = -keys_rest_sum;  // Σ dQ·(Q − rounded Q) + Σ dK·(K − rounded K); dK has the heads before
    for (int64_t first = 0; first < n; first += query_block) {
      const int64_t rows = smaller(query_block, n - first);
      rotate_rows_with_rest(queries, queries_rest, q, first, rows, forward.cos, forward.sin, D, softmax_scale<A>(D),
                            dq_local);
      for (int64_t r = 0; r < rows; ++r) {
        copy_row(dlocal + r * E, dout[first + r], E);
        delta[r] = (A(1) - gate) * dot(dlocal + r * E, local[first + r], E);
      }
      if (reads) {
        through_memory(q, dlocal, task.along_norm + head * task.along_norm_head + first, first, rows, gate, dq_memory);
      }
      if constexpr (converts) convert(dlocal_rows, dlocal, rows * E);
      const Right<O> query_right = make_right(queries, D, rows, D, queries_right);
      const Right<O> dlocal_rows_right = make_right(dlocal_rows, E, rows, E, dlocal_right);
      const Right<O> query_transposed = make_right_transposed(queries, D, rows, D, queries_transposed);
      const Right<O> dlocal_rows_transposed = make_right_transposed(dlocal_rows, E, rows, E, dlocal_transposed);
      const int64_t tile_stride = padded_columns<O>(rows),
                    operand_stride = converts ? padded_rows<O>(rows) : tile_stride;
      for (int64_t begin = 0; begin < first + rows; begin += key_block) {
        const int64_t block = smaller(key_block, n - begin), columns = smaller(block, first + rows - begin);
        const auto first_query = [&](int64_t key) { return begin + key > first ? begin + key - first : 0; };
        const auto for_each_strip = [&](const auto& body) {
          for (int64_t key = 0; key < columns; key += strip) body(key, smaller(strip, columns - key), first_query(key));
        };
        for_each_strip([&](int64_t key, int64_t count, int64_t query) {
          const int64_t tile = key * tile_stride + query;
          multiply(count, rows - query, D, keys + (begin + key) * D, D, columns_from(query_transposed, query),
                   scores + tile, tile_stride, false);
          multiply(count, rows - query, E, v[begin + key], v.stride, columns_from(dlocal_rows_transposed, query),
                   dprobabilities + tile, tile_stride, false);
        });
        for (int64_t c = 0; c < columns; ++c) {
          const int64_t unseeing = first_query(c);
          A *const score_row = scores + c * tile_stride, *const dprobability_row = dprobabilities + c * tile_stride;
          fill_zero(score_row, unseeing);
          fill_zero(dprobability_row, unseeing);
          along_local += soften_tile_row(score_row + unseeing, dprobability_row + unseeing, rows - unseeing,
                                         logsumexp + first + unseeing, delta + unseeing, A(1) - gate);
          if constexpr (converts) {
            O *const p = probabilities + c * operand_stride, *const ds = dscores + c * operand_stride;
            convert(p, score_row, rows);
            convert(ds, dprobability_row, rows);
            fill_zero(p + rows, operand_stride - rows);
            fill_zero(ds + rows, operand_stride - rows);
          }
        }
        for_each_strip([&](int64_t key, int64_t count, int64_t query) {
          const int64_t tile = key * operand_stride + query;
          multiply(count, E, rows - query, probabilities + tile, operand_stride, rows_from(dlocal_rows_right, query),
                   dv + (begin + key) * E, E, true);
          multiply(count, D, rows - query, dscores + tile, operand_stride, rows_from(query_right, query),
                   dk + (begin + key) * D, D, true);
        });
        const Right<O> dscore_right = make_right(dscores, operand_stride, columns, rows, dscores_right);
        for (int64_t query = 0; query < rows; query += strip) {
          const int64_t count = smaller(strip, rows - query), seen = smaller(columns, first + query + count - begin);
          multiply(D, count, seen, keys_transposed + begin * D, padded_rows<O>(block),
                   columns_from(dscore_right, query), dqueries_transposed + query, tile_stride, begin > 0);
        }
      }
      transpose(dqueries, D, dqueries_transposed, tile_stride, D, rows);
      if constexpr (converts) along_rest += exact_dot(dqueries, queries_rest, rows * D);
      for (int64_t r = 0; r < rows; ++r) {
        rotate_row_back(dq_local, dqueries + r * D, forward.cos + (first + r) * D, forward.sin + (first + r) * D, D,
                        softmax_scale<A>(D));
        T* const dq_row = dq[first + r];
        if (reads) {
#pragma omp simd
          for (int64_t i = 0; i < D; ++i) store(dq_row[i], dq_local[i] + dq_memory[r * D + i]);
        } else {
          copy_row(dq_row, dq_local, D);
        }
      }
    }
    if constexpr (converts) keys_rest_sum = exact_dot(dk, keys_rest, n * D);
    along_rest += keys_rest_sum;
    const double open = sigmoid(static_cast<double>(forward.beta[head]));
    task.dbeta[head] =
        reads ? static_cast<A>(open * (1 - open) * (task.along_memory[head] - along_local) - open * along_rest) : A(0);
  }
  for (int64_t r = 0; r < n; ++r) {
    rotate_row_back(dk + r * D, dk + r * D, forward.cos + r * D, forward.sin + r * D, D, A(1));
  }
  return 0;
}

}  // namespace
}  // namespace infini::ops::cpu
