#pragma once

// The gradient of one segment read. With P the softmax, dP = dA Vᵀ and δ = Σ P∘dP per query (dA the gradient of A_dot):
//
//   dV = Pᵀ dA      dS = P ∘ (dP − δ)      dK = dSᵀ Q      dQ = dS K          (rotated, scaled)
//
// P is recomputed from the saved logsumexp. Tiles are held transposed, keys by queries, so that Pᵀ and dSᵀ are at hand
// as left operands and dQᵀ = Kᵀ dSᵀ needs one small transpose for each block of queries. δ comes from the saved output:
// Σ dout·out = gate · Σ dout·A_mem + (1 − gate) · Σ dout·A_dot. The memory's part, with u = gate · dout / (σ(q) z):
//
//   dσ(q) = u Mᵀ − (Σ u·A_mem) zᵀ      dM = σ(q)ᵀ u      dz = −σ(q)ᵀ (Σ u·A_mem)

#include "ops/cpu/attend.h"

namespace infini::ops::cpu {
namespace {

/// Retrieval's share of the gradient for a block of query rows. Leaves gate · Σ dout·A_mem in `through_memory`, the
/// gradient of q in `dq`, and adds to the task's dmemory and dnorm.
template <typename T, typename A>
struct RetrieveBackward {
  const AttendBackward<T>& task;
  const A* memory_transposed;  // [E, D]
  A *sigma_q, *sigma_q_transposed, *retrieved, *upstream, *scales, *products;

  RetrieveBackward(const AttendBackward<T>& task, Scratch& scratch, A* memory_transposed, bool measure)
      : task(task), memory_transposed(memory_transposed) {
    const int64_t D = task.forward.sizes.key_width, E = task.forward.sizes.value_width;
    sigma_q = scratch.take<A>(query_block * D);
    sigma_q_transposed = scratch.take<A>(query_block * D);
    retrieved = scratch.take<A>(query_block * E);
    upstream = scratch.take<A>(query_block * E);
    scales = scratch.take<A>(query_block);
    products = scratch.take<A>(query_block);
    if (!measure) transpose(memory_transposed, D, task.forward.memory, E, D, E);
  }

  void operator()(const T* q, const A* dout, int64_t rows, A gate, A* through_memory, A* dq) const {
    const int64_t D = task.forward.sizes.key_width, E = task.forward.sizes.value_width;
    sigma_rows(sigma_q, scales, q, task.forward.q.stride, rows, D, task.forward.norm);
    multiply(rows, E, D, sigma_q, D, task.forward.memory, E, retrieved, E, false);
    for (int64_t r = 0; r < rows; ++r) {
      const A factor = gate * scales[r];
      through_memory[r] = factor * dot(dout + r * E, retrieved + r * E, E);
      products[r] = through_memory[r] * scales[r];
#pragma omp simd
      for (int64_t i = 0; i < E; ++i) upstream[r * E + i] = factor * dout[r * E + i];
    }
    multiply(rows, D, E, upstream, E, memory_transposed, D, dq, D, false);
    const A* const norm = task.forward.norm;
    for (int64_t r = 0; r < rows; ++r) {
      const T* const x = q + r * task.forward.q.stride;
      const A product = products[r];
#pragma omp simd
      for (int64_t i = 0; i < D; ++i) {
        const A sigma_x = sigma_q[r * D + i];
        task.dnorm[i] -= product * sigma_x;
        dq[r * D + i] = (dq[r * D + i] - product * norm[i]) * (load(x[i]) > A(0) ? A(1) : sigma_x);
      }
    }
    transpose(sigma_q_transposed, rows, sigma_q, D, rows, D);
    multiply(D, E, rows, sigma_q_transposed, rows, upstream, E, task.dmemory, E, true);
  }
};

/// One tile of scores, keys by queries, and its gradient: on return `scores` holds P, `dscores` holds dS.
template <typename A>
inline void soften_tile(A* scores, A* dscores, int64_t columns, int64_t rows, int64_t first_valid_row,
                        const A* logsumexp, const A* delta) {
  for (int64_t c = 0; c < columns; ++c) {
    A* const p = scores + c * rows;
    A* const ds = dscores + c * rows;
    const int64_t valid = first_valid_row + c < 0 ? 0 : smaller(first_valid_row + c, rows);
    for (int64_t r = 0; r < valid; ++r) p[r] = ds[r] = 0;
#pragma omp simd
    for (int64_t r = valid; r < rows; ++r) {
      p[r] = exponential(p[r] - logsumexp[r]);
      ds[r] = p[r] * (ds[r] - delta[r]);
    }
  }
}

template <typename T>
int64_t attend_backward_with(const AttendBackward<T>& task, char* memory) {
  using A = Arithmetic<T>;
  const Attend<T>& forward = task.forward;
  const int64_t n = forward.sizes.tokens, D = forward.sizes.key_width, E = forward.sizes.value_width;
  Scratch scratch(memory);
  A* const keys = scratch.take<A>(n * D);             // rotated
  A* const keys_transposed = scratch.take<A>(D * n);  // each block of keys transposed
  A* const dkeys = scratch.take<A>(n * D);
  A* const values = std::is_same_v<T, A> ? nullptr : scratch.take<A>(n * E);
  A *const queries = scratch.take<A>(query_block * D), *const queries_transposed = scratch.take<A>(query_block * D);
  A *const dqueries = scratch.take<A>(query_block * D), *const dqueries_transposed = scratch.take<A>(query_block * D);
  A *const dq_memory = scratch.take<A>(query_block * D), *const dlocal = scratch.take<A>(query_block * E);
  A* const dlocal_transposed = scratch.take<A>(query_block * E);
  A *const scores = scratch.take<A>(query_block * key_block), *const dscores = scratch.take<A>(query_block * key_block);
  A *const delta = scratch.take<A>(query_block), *const through_memory = scratch.take<A>(query_block);
  const bool reads = memory != nullptr && reads_memory(forward);
  A* const memory_transposed = scratch.take<A>(D * E);
  const RetrieveBackward<T, A> retrieve_backward(task, scratch, memory_transposed, !reads);
  if (memory == nullptr) return scratch.used();

  for (int64_t r = 0; r < n; ++r) {
    rotate_row(keys + r * D, forward.k[r], forward.cos + r * D, forward.sin + r * D, D, A(1));
  }
  for (int64_t begin = 0; begin < n; begin += key_block) {
    const int64_t rows = smaller(key_block, n - begin);
    transpose(keys_transposed + begin * D, rows, keys + begin * D, D, rows, D);
  }
  const A* value_rows = values;
  int64_t value_stride = E;
  if constexpr (std::is_same_v<T, A>) {
    value_rows = forward.v.data;
    value_stride = forward.v.stride;
  } else {
    for (int64_t r = 0; r < n; ++r) load_row(values + r * E, forward.v[r], E);
  }
  fill_zero(dkeys, n * D);
  fill_zero(task.dv, n * E);

  const A softmax_scale = A(1) / static_cast<A>(__builtin_sqrt(static_cast<double>(D)));
  for (int64_t head = 0; head < forward.sizes.heads; ++head) {
    const T* const q = forward.q.data + head * forward.q_head;
    const A* const logsumexp = forward.logsumexp + head * forward.logsumexp_head;
    const A gate = reads ? sigmoid(forward.beta[head]) : A(0);
    double dbeta = 0;  // a sum of thousands of terms that nearly cancel
    for (int64_t first = 0; first < n; first += query_block) {
      const int64_t rows = smaller(query_block, n - first);
      const T* const q_rows = q + first * forward.q.stride;
      for (int64_t r = 0; r < rows; ++r) {
        rotate_row(queries + r * D, q_rows + r * forward.q.stride, forward.cos + (first + r) * D,
                   forward.sin + (first + r) * D, D, softmax_scale);
        load_row(dlocal + r * E, task.dout.data + head * task.dout_head + (first + r) * task.dout.stride, E);
        delta[r] = dot(dlocal + r * E, forward.out.data + head * forward.out_head + (first + r) * forward.out.stride, E);
      }
      if (reads) {
        retrieve_backward(q_rows, dlocal, rows, gate, through_memory, dq_memory);
        for (int64_t r = 0; r < rows; ++r) {
          delta[r] -= through_memory[r];
          dbeta += (A(1) - gate) * through_memory[r] - gate * delta[r];
#pragma omp simd
          for (int64_t i = 0; i < E; ++i) dlocal[r * E + i] *= A(1) - gate;
        }
      }
      transpose(queries_transposed, rows, queries, D, rows, D);
      transpose(dlocal_transposed, rows, dlocal, E, rows, E);
      for (int64_t begin = 0; begin < first + rows; begin += key_block) {
        const int64_t block = smaller(key_block, n - begin), columns = smaller(block, first + rows - begin);
        multiply(columns, rows, D, keys + begin * D, D, queries_transposed, rows, scores, rows, false);
        multiply(columns, rows, E, value_rows + begin * value_stride, value_stride, dlocal_transposed, rows, dscores,
                 rows, false);
        soften_tile(scores, dscores, columns, rows, begin - first, logsumexp + first, delta);
        multiply(columns, E, rows, scores, rows, dlocal, E, task.dv + begin * E, E, true);
        multiply(columns, D, rows, dscores, rows, queries, D, dkeys + begin * D, D, true);
        multiply(D, rows, columns, keys_transposed + begin * D, block, dscores, rows, dqueries_transposed, rows,
                 begin > 0);
      }
      transpose(dqueries, D, dqueries_transposed, rows, D, rows);
      for (int64_t r = 0; r < rows; ++r) {
        A* const row = queries + r * D;  // no longer needed as queries
        rotate_row_back(row, dqueries + r * D, forward.cos + (first + r) * D, forward.sin + (first + r) * D, D,
                        softmax_scale);
        T* const dq = task.dq.data + head * task.dq_head + (first + r) * task.dq.stride;
        if (reads) {
#pragma omp simd
          for (int64_t i = 0; i < D; ++i) store(dq[i], row[i] + dq_memory[r * D + i]);
        } else {
#pragma omp simd
          for (int64_t i = 0; i < D; ++i) store(dq[i], row[i]);
        }
      }
    }
    task.dbeta[head] = static_cast<A>(dbeta);
  }
  for (int64_t r = 0; r < n; ++r) {
    rotate_row_back(task.dk + r * D, dkeys + r * D, forward.cos + r * D, forward.sin + r * D, D, A(1));
  }
  return 0;
}

}  // namespace
}  // namespace infini::ops::cpu
