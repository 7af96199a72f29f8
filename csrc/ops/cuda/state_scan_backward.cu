// The gradients of the states after each segment, from those of what was read before each, last segment to first:
//
//   dM ← dM − transitionᵀ dM + own        delta; without the transition: linear
//   dz ← dz + own                         own: the sum over pieces and over the heads that share the memory
//   dM ← 0, dz ← 0                        at a start: nothing passes
//
// dmemories [B,H,S,P,D,E], dnorms [B,H,S,P,D], transitions [B,G,F,D,D] → dmemories_after [B,G,F,D,E], dnorms_after
// [B,G,F,D]. The linear rule works number by number. For the delta rule a block carries 8 columns of dM, which is all
// that a column of dM depends on. Everything is float, without TF32.

#include "ops/cuda/element.cuh"
#include "ops/cuda/state_scan_backward.h"

namespace infini::ops::cuda {
namespace {

/// Gradients of one state of `size` numbers, for all B · G memories.
struct Gradients {
  Extents extents;
  const bool* starts;
  int64_t size;
  const float* of_reading;  // [B,H,S,P,size] or nullptr
  const float* of_writing;  // [B,G,F,P,size] or nullptr
  const float* of_last;     // [B,G,size] or nullptr
  float* after;             // [B,G,F,size]
  float* of_first;          // [B,G,size]
};

__device__ __forceinline__ bool starts_at(const Gradients& gradients, int64_t batch, int64_t segment) {
  return gradients.starts != nullptr && gradients.starts[batch * gradients.extents.segments() + segment];
}

/// The sum of one number over `count` pieces.
__device__ __forceinline__ float sum_of_pieces(const float* pieces, int64_t count, int64_t size) {
  float sum = 0.0f;
#pragma unroll 4
  for (int64_t i = 0; i < count; ++i) sum += pieces[i * size];
  return sum;
}

/// What is sent to number `offset` of the state before a segment, except by the state after it.
__device__ __forceinline__ float own_gradient(const Gradients& gradients, int64_t batch, int64_t group, int64_t segment,
                                              int64_t offset) {
  const Extents& x = gradients.extents;
  const int64_t pieces = pieces_per_segment(x), size = gradients.size;
  float sum = 0.0f;
  if (gradients.of_writing != nullptr && segment < x.full_segments()) {
    sum += sum_of_pieces(gradients.of_writing + x.transition(batch, group, segment) * pieces * size + offset, pieces,
                         size);
  }
  if (gradients.of_reading != nullptr) {
    for (int64_t head = group * x.group_size(); head < (group + 1) * x.group_size(); ++head) {
      const int64_t first = ((batch * x.heads + head) * x.segments() + segment) * pieces;
      sum += sum_of_pieces(gradients.of_reading + first * size + offset, pieces, size);
    }
  }
  return sum;
}

constexpr int sum_threads = 256;

/// A thread for each number of each state.
__global__ void __launch_bounds__(sum_threads) sum_gradients(Gradients gradients) {
  const Extents& x = gradients.extents;
  const int64_t index = int64_t{blockIdx.x} * sum_threads + threadIdx.x;
  if (index >= x.batch * x.groups * gradients.size) return;
  const int64_t pair = index / gradients.size, offset = index % gradients.size;
  const int64_t batch = pair / x.groups, group = pair % x.groups;
  float gradient = gradients.of_last == nullptr ? 0.0f : gradients.of_last[index];
  for (int64_t segment = x.segments() - 1; segment >= 0; --segment) {
    const float own = own_gradient(gradients, batch, group, segment, offset);
    if (segment < x.full_segments())
      gradients.after[x.transition(batch, group, segment) * gradients.size + offset] = gradient;
    gradient = starts_at(gradients, batch, segment) ? 0.0f : gradient + own;
  }
  gradients.of_first[index] = gradient;
}

/// Columns of dM that a block carries: a sector of 32 bytes in each row.
constexpr int columns = 8;

/// Parts into which the rows of the transition are dealt out: each thread multiplies one part of one column of it.
constexpr int parts = 4;

template <int D>
__global__ void __launch_bounds__(parts* D) recur_gradients(Gradients gradients, const float* transitions) {
  constexpr int threads = parts * D, depth = D / parts, count = D * columns / threads;
  constexpr int stride = D + 4;  // so that neighbouring columns of a sum lie in different banks
  __shared__ __align__(16) float memory[D * columns];
  __shared__ float products[parts * columns * stride];

  const Extents& x = gradients.extents;
  const int64_t column_blocks = x.value_width / columns;
  const int64_t pair = blockIdx.x / column_blocks, batch = pair / x.groups, group = pair % x.groups;
  const int64_t first_column = blockIdx.x % column_blocks * columns, full = x.full_segments();
  const int thread = static_cast<int>(threadIdx.x), part = thread / D, row = thread % D;

  // The same numbers of every state are this thread's; each lies at `offset` in the state.
  const auto offset = [&](int i) {
    const int index = i * threads + thread;
    return index / columns * x.value_width + first_column + index % columns;
  };
  float gradient[count];
#pragma unroll
  for (int i = 0; i < count; ++i) {
    gradient[i] = gradients.of_last == nullptr ? 0.0f : gradients.of_last[pair * gradients.size + offset(i)];
  }
  float transition[depth];
  const auto fetch_transition = [&](int64_t segment) {
    const float* const from = transitions + ((pair * full + segment) * D + part * depth) * D + row;
#pragma unroll
    for (int i = 0; i < depth; ++i) transition[i] = from[i * D];
  };
  if (full > 0) fetch_transition(full - 1);

  for (int64_t segment = x.segments() - 1; segment >= 0; --segment) {
    float own[count];
#pragma unroll
    for (int i = 0; i < count; ++i) own[i] = own_gradient(gradients, batch, group, segment, offset(i));
    if (segment < full) {
      float* const after = gradients.after + (pair * full + segment) * gradients.size;
#pragma unroll
      for (int i = 0; i < count; ++i) {
        after[offset(i)] = gradient[i];
        memory[i * threads + thread] = gradient[i];
      }
      __syncthreads();
      float sums[columns] = {};
#pragma unroll
      for (int i = 0; i < depth; ++i) {
        float values[columns];
        load_floats(memory + (part * depth + i) * columns, values);
#pragma unroll
        for (int j = 0; j < columns; ++j) sums[j] += transition[i] * values[j];
      }
      if (segment > 0) fetch_transition(segment - 1);
#pragma unroll
      for (int j = 0; j < columns; ++j) products[(part * columns + j) * stride + row] = sums[j];
      __syncthreads();
#pragma unroll
      for (int i = 0; i < count; ++i) {
        const int index = i * threads + thread;
#pragma unroll
        for (int j = 0; j < parts; ++j) {
          gradient[i] -= products[(j * columns + index % columns) * stride + index / columns];
        }
      }
    }
    const bool starts = starts_at(gradients, batch, segment);
#pragma unroll
    for (int i = 0; i < count; ++i) gradient[i] = starts ? 0.0f : gradient[i] + own[i];
  }
#pragma unroll
  for (int i = 0; i < count; ++i) gradients.of_first[pair * gradients.size + offset(i)] = gradient[i];
}

void launch_sum(const Gradients& gradients, cudaStream_t stream) {
  const int64_t threads = gradients.extents.batch * gradients.extents.groups * gradients.size;
  INFINI_LAUNCH(sum_gradients, grid_of((threads + sum_threads - 1) / sum_threads), dim3(sum_threads), 0, stream,
                gradients);
}

}  // namespace

void launch_state_scan_backward(const StateScanBackwardArguments& arguments, cudaStream_t stream) {
  const Extents& x = arguments.extents;
  if (arguments.dmemory_in != nullptr) {
    const Gradients gradients{x,       arguments.starts,      x.key_width * x.value_width, arguments.dmemories,
                              nullptr, arguments.dmemory_out, arguments.dmemories_after,   arguments.dmemory_in};
    if (arguments.transitions == nullptr) {
      launch_sum(gradients, stream);
    } else {
      with_width(x.key_width, [&](auto D) {
        INFINI_LAUNCH(recur_gradients<D()>, grid_of(x.batch * x.groups * (x.value_width / columns)), dim3(parts * D()),
                      0, stream, gradients, arguments.transitions);
      });
    }
  }
  if (arguments.dnorm_in != nullptr) {
    launch_sum({x, arguments.starts, x.key_width, arguments.dnorms, arguments.dnorms_of_delta, arguments.dnorm_out,
                arguments.dnorms_after, arguments.dnorm_in},
               stream);
  }
}

}  // namespace infini::ops::cuda
