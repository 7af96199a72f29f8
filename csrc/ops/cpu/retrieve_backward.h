#pragma once

// What reading one segment sends to the state before it. With u = gate · dout / (σ(q) z):
//
//   dM = σ(q)ᵀ u      dz = −σ(q)ᵀ (Σ u·A_mem)
//
// Of each query Σ u·A_mem is kept for its own gradient, and of each head Σ dout·A_mem for that of β.

#include "ops/cpu/attend.h"

namespace infini::ops::cpu {
namespace {

template <typename T, typename O>
int64_t retrieve_backward_with(const AttendBackward<T>& task, char* memory) {
  using A = Arithmetic<T>;
  constexpr bool converts = !std::is_same_v<O, A>;
  const Attend<T>& forward = task.forward;
  const int64_t n = forward.sizes.tokens, D = forward.sizes.key_width, E = forward.sizes.value_width;
  Scratch scratch(memory);
  O* const state = scratch.take<O>(converts ? D * E : 0);
  O* const state_right = scratch.take<O>(converts ? right_size<O>(D, E) : 0);
  O *const sigma_q = scratch.take<O>(query_block * D), *const transposed = scratch.take<O>(query_block * D);
  O* const upstream = scratch.take<O>(query_block * E);
  O* const upstream_right = scratch.take<O>(converts ? right_size<O>(query_block, E) : 0);
  A *const retrieved = scratch.take<A>(query_block * E), *const scales = scratch.take<A>(query_block);
  if (memory == nullptr) return scratch.used();

  fill_zero(task.dmemory, D * E);
  fill_zero(task.dnorm, D);
  fill_zero(task.along_memory, forward.sizes.heads);
  if (!reads_memory(forward)) return 0;
  const Right<O> memory_right = make_right(state_rows(forward.memory, D * E, state), E, D, E, state_right);
  for (int64_t head = 0; head < forward.sizes.heads; ++head) {
    const Rows<const T> q{forward.q.data + head * forward.q_head, forward.q.stride};
    const Rows<const T> dout{task.dout.data + head * task.dout_head, task.dout.stride};
    A* const along_norm = task.along_norm + head * task.along_norm_head;
    const A gate = sigmoid(forward.beta[head]);
    for (int64_t first = 0; first < n; first += query_block) {
      const int64_t rows = smaller(query_block, n - first);
      sigma_rows(sigma_q, scales, q, first, rows, D, forward.norm);
      multiply(rows, E, D, sigma_q, D, memory_right, retrieved, E, false);
      for (int64_t r = 0; r < rows; ++r) {
        const T* const dout_row = dout[first + r];
        const double along = exact_dot(retrieved + r * E, dout_row, E) * static_cast<double>(scales[r]);
        const A factor = gate * scales[r], product = factor * static_cast<A>(along);
        task.along_memory[head] += along;
        along_norm[first + r] = product;
#pragma omp simd
        for (int64_t i = 0; i < E; ++i) store(upstream[r * E + i], factor * load(dout_row[i]));
#pragma omp simd
        for (int64_t i = 0; i < D; ++i) task.dnorm[i] -= product * load(sigma_q[r * D + i]);
      }
      const Left<O> left = make_left_transposed(sigma_q, D, rows, D, transposed);
      multiply(D, E, rows, left.data, left.stride, make_right(upstream, E, rows, E, upstream_right), task.dmemory, E,
               true);
    }
  }
  return 0;
}

}  // namespace
}  // namespace infini::ops::cpu
