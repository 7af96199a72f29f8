#pragma once

// The gradient of one segment read. With P the softmax, dP = dA Vᵀ and δ = Σ P∘dP per query (dA the gradient of A_dot):
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
// The memory's part, with u = gate · dout / (σ(q) z):
//
//   dσ(q) = u Mᵀ − (Σ u·A_mem) zᵀ      dM = σ(q)ᵀ u      dz = −σ(q)ᵀ (Σ u·A_mem)

#include "ops/cpu/attend.h"

namespace infini::ops::cpu {
namespace {

/// Retrieval's share of the gradient for a block of query rows. Returns Σ dout·A_mem, leaves the gradient of q in `dq`,
/// and adds to the task's dmemory and dnorm.
template <typename T, typename O>
class RetrieveBackward {
 public:
  using A = Arithmetic<T>;

  RetrieveBackward(const AttendBackward<T>& task, Scratch& scratch, bool reads)
      : task_(task), D_(task.forward.sizes.key_width), E_(task.forward.sizes.value_width) {
    constexpr bool converts = !std::is_same_v<O, A>;
    O *const state = scratch.take<O>(converts ? D_ * E_ : 0), *const right =
                                                                  scratch.take<O>(converts ? right_size<O>(D_, E_) : 0);
    O* const transposed = scratch.take<O>(right_size<O>(E_, D_));
    sigma_q_ = scratch.take<O>(query_block * D_);
    sigma_q_transposed_ = scratch.take<O>(query_block * D_);
    upstream_ = scratch.take<O>(query_block * E_);
    upstream_right_ = scratch.take<O>(converts ? right_size<O>(query_block, E_) : 0);
    retrieved_ = scratch.take<A>(query_block * E_);
    scales_ = scratch.take<A>(query_block);
    products_ = scratch.take<A>(query_block);
    if (!reads) return;
    const O* const rows = state_rows(task.forward.memory, D_ * E_, state);
    memory_ = make_right(rows, E_, D_, E_, right);
    memory_transposed_ = make_right_transposed(rows, E_, D_, E_, transposed);
  }

  double operator()(Rows<const T> q, const A* dout, int64_t first, int64_t rows, A gate, A* dq) const {
    const A* const norm = task_.forward.norm;
    sigma_rows(sigma_q_, scales_, q, first, rows, D_, norm);
    multiply(rows, E_, D_, sigma_q_, D_, memory_, retrieved_, E_, false);
    double along_memory = 0;
    for (int64_t r = 0; r < rows; ++r) {
      const A factor = gate * scales_[r];
      const double product = exact_dot(dout + r * E_, retrieved_ + r * E_, E_) * static_cast<double>(scales_[r]);
      along_memory += product;
      products_[r] = factor * static_cast<A>(product);
#pragma omp simd
      for (int64_t i = 0; i < E_; ++i) store(upstream_[r * E_ + i], factor * dout[r * E_ + i]);
    }
    multiply(rows, D_, E_, upstream_, E_, memory_transposed_, dq, D_, false);
    for (int64_t r = 0; r < rows; ++r) {
      const T* const x = q[first + r];
      const A product = products_[r];
#pragma omp simd
      for (int64_t i = 0; i < D_; ++i) {
        const A sigma_x = load(sigma_q_[r * D_ + i]);
        task_.dnorm[i] -= product * sigma_x;
        dq[r * D_ + i] = (dq[r * D_ + i] - product * norm[i]) * (load(x[i]) > A(0) ? A(1) : sigma_x);
      }
    }
    const int64_t even = padded_rows<O>(rows);
    transpose(sigma_q_transposed_, even, sigma_q_, D_, rows, D_);
    if (even > rows) {
      for (int64_t i = 0; i < D_; ++i) store(sigma_q_transposed_[i * even + rows], A(0));
    }
    multiply(D_, E_, rows, sigma_q_transposed_, even, make_right(upstream_, E_, rows, E_, upstream_right_),
             task_.dmemory, E_, true);
    return along_memory;
  }

 private:
  const AttendBackward<T>& task_;
  int64_t D_, E_;
  Right<O> memory_{}, memory_transposed_{};
  O *sigma_q_, *sigma_q_transposed_, *upstream_, *upstream_right_;
  A *retrieved_, *scales_, *products_;
};

/// One tile of scores, keys by queries, and dout Vᵀ → share · P and dS as O, where `share` is local attention's in the
/// output; rows are padded with zeros to `out_stride`. Returns Σ P∘(dout Vᵀ).
template <typename O, typename A>
inline double soften_tile(const A* scores, const A* dprobabilities, int64_t in_stride, O* probabilities, O* dscores,
                          int64_t out_stride, int64_t columns, int64_t rows, int64_t first_valid_row,
                          const A* logsumexp, const A* delta, A share) {
  double products = 0;
  for (int64_t c = 0; c < columns; ++c) {
    const A *const s = scores + c * in_stride, *const dp = dprobabilities + c * in_stride;
    O *const p = probabilities + c * out_stride, *const ds = dscores + c * out_stride;
    const int64_t valid = first_valid_row + c < 0 ? 0 : smaller(first_valid_row + c, rows);
    for (int64_t r = 0; r < valid; ++r) {
      store(p[r], A(0));
      store(ds[r], A(0));
    }
    A row_products = 0;
#pragma omp simd reduction(+ : row_products)
    for (int64_t r = valid; r < rows; ++r) {
      const A probability = exponential(s[r] - logsumexp[r]);
      const A dscore = probability * (share * dp[r] - delta[r]);
      row_products += probability * dp[r];
      store(p[r], share * probability);
      store(ds[r], dscore);
    }
    products += row_products;
    for (int64_t r = rows; r < out_stride; ++r) {
      store(p[r], A(0));
      store(ds[r], A(0));
    }
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

template <typename T, typename O>
int64_t attend_backward_with(const AttendBackward<T>& task, char* memory) {
  using A = Arithmetic<T>;
  constexpr bool converts = !std::is_same_v<O, A>;
  const Attend<T>& forward = task.forward;
  const int64_t n = forward.sizes.tokens, D = forward.sizes.key_width, E = forward.sizes.value_width;
  Scratch scratch(memory);
  O* const keys = scratch.take<O>((n + 1) * D);                     // rotated
  O* const keys_rest = scratch.take<O>(converts ? n * D : 0);       // what rounding took from them
  O* const keys_transposed = scratch.take<O>((n + key_block) * D);  // each block of keys transposed
  O* const values = scratch.take<O>(std::is_same_v<O, T> ? 0 : n * E);
  A* const dkeys = scratch.take<A>(n * D);
  O *const queries = scratch.take<O>(query_block * D), *const queries_right = scratch.take<O>(
                                                           converts ? right_size<O>(query_block, D) : 0);
  O* const queries_rest = scratch.take<O>(converts ? query_block * D : 0);
  O* const queries_transposed = scratch.take<O>(right_size<O>(D, query_block));
  A* const dlocal = scratch.take<A>(query_block * E);
  O* const dlocal_rows = converts ? scratch.take<O>(query_block * E) : reinterpret_cast<O*>(dlocal);
  O* const dlocal_right = scratch.take<O>(converts ? right_size<O>(query_block, E) : 0);
  O* const dlocal_transposed = scratch.take<O>(right_size<O>(E, query_block));
  A *const scores = scratch.take<A>(query_block * key_block), *const dprobabilities =
                                                                  scratch.take<A>(query_block * key_block);
  O* const probabilities = converts ? scratch.take<O>(query_block * key_block) : reinterpret_cast<O*>(scores);
  O* const dscores = converts ? scratch.take<O>(query_block * key_block) : reinterpret_cast<O*>(dprobabilities);
  O* const dscores_right = scratch.take<O>(converts ? right_size<O>(key_block, query_block) : 0);
  A *const dqueries = scratch.take<A>(query_block * D), *const dqueries_transposed = scratch.take<A>(D * query_block);
  A *const dq_memory = scratch.take<A>(query_block * D), *const dq_local = scratch.take<A>(D);
  A* const delta = scratch.take<A>(query_block);
  const bool reads = memory != nullptr && reads_memory(forward);
  const RetrieveBackward<T, O> retrieve_backward(task, scratch, reads);
  if (memory == nullptr) return scratch.used();

  rotate_rows_with_rest(keys, keys_rest, forward.k, 0, n, forward.cos, forward.sin, D, A(1), dq_local);
  for (int64_t begin = 0; begin < n; begin += key_block) {
    const int64_t rows = smaller(key_block, n - begin), even = padded_rows<O>(rows);
    transpose(keys_transposed + begin * D, even, keys + begin * D, D, rows, D);
    for (int64_t i = 0; even > rows && i < D; ++i) store(keys_transposed[begin * D + i * even + rows], A(0));
  }
  const Rows<const O> v = value_rows<O>(forward.v, n, E, values);
  fill_zero(dkeys, n * D);
  double keys_rest_sum = 0;  // Σ dK·(K − rounded K)
  fill_zero(task.dv, n * E);

  for (int64_t head = 0; head < forward.sizes.heads; ++head) {
    const Rows<const T> q{forward.q.data + head * forward.q_head, forward.q.stride};
    const Rows<const T> local{forward.local.data + head * forward.local_head, forward.local.stride};
    const Rows<const T> dout{task.dout.data + head * task.dout_head, task.dout.stride};
    const Rows<T> dq{task.dq.data + head * task.dq_head, task.dq.stride};
    const A* const logsumexp = forward.logsumexp + head * forward.logsumexp_head;
    const A gate = reads ? sigmoid(forward.beta[head]) : A(0);
    double along_memory = 0, along_local = 0;  // Σ dout·A_mem, Σ P∘(dout Vᵀ)
    double along_rest = -keys_rest_sum;  // Σ dQ·(Q − rounded Q) + Σ dK·(K − rounded K); dK has the heads before
    for (int64_t first = 0; first < n; first += query_block) {
      const int64_t rows = smaller(query_block, n - first);
      rotate_rows_with_rest(queries, queries_rest, q, first, rows, forward.cos, forward.sin, D, softmax_scale<A>(D),
                            dq_local);
      for (int64_t r = 0; r < rows; ++r) {
        copy_row(dlocal + r * E, dout[first + r], E);
        delta[r] = (A(1) - gate) * dot(dlocal + r * E, local[first + r], E);
      }
      if (reads) along_memory += retrieve_backward(q, dlocal, first, rows, gate, dq_memory);
      if constexpr (converts) convert(dlocal_rows, dlocal, rows * E);
      const Right<O> query_right = make_right(queries, D, rows, D, queries_right);
      const Right<O> dlocal_rows_right = make_right(dlocal_rows, E, rows, E, dlocal_right);
      const Right<O> query_transposed = make_right_transposed(queries, D, rows, D, queries_transposed);
      const Right<O> dlocal_rows_transposed = make_right_transposed(dlocal_rows, E, rows, E, dlocal_transposed);
      const int64_t tile_stride = padded_columns<O>(rows),
                    operand_stride = converts ? padded_rows<O>(rows) : tile_stride;
      for (int64_t begin = 0; begin < first + rows; begin += key_block) {
        const int64_t block = smaller(key_block, n - begin), columns = smaller(block, first + rows - begin);
        multiply(columns, rows, D, keys + begin * D, D, query_transposed, scores, tile_stride, false);
        multiply(columns, rows, E, v[begin], v.stride, dlocal_rows_transposed, dprobabilities, tile_stride, false);
        along_local += soften_tile(scores, dprobabilities, tile_stride, probabilities, dscores, operand_stride, columns,
                                   rows, begin - first, logsumexp + first, delta, A(1) - gate);
        multiply(columns, E, rows, probabilities, operand_stride, dlocal_rows_right, task.dv + begin * E, E, true);
        multiply(columns, D, rows, dscores, operand_stride, query_right, dkeys + begin * D, D, true);
        multiply(D, rows, columns, keys_transposed + begin * D, padded_rows<O>(block),
                 make_right(dscores, operand_stride, columns, rows, dscores_right), dqueries_transposed, tile_stride,
                 begin > 0);
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
    if constexpr (converts) keys_rest_sum = exact_dot(dkeys, keys_rest, n * D);
    along_rest += keys_rest_sum;
    const double open = sigmoid(static_cast<double>(forward.beta[head]));
    task.dbeta[head] =
        reads ? static_cast<A>(open * (1 - open) * (along_memory - along_local) - open * along_rest) : A(0);
  }
  for (int64_t r = 0; r < n; ++r) {
    rotate_row_back(task.dk + r * D, dkeys + r * D, forward.cos + r * D, forward.sin + r * D, D, A(1));
  }
  return 0;
}

}  // namespace
}  // namespace infini::ops::cpu
