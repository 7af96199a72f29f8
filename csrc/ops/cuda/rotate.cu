// Rotary position embedding of q and k for local attention, rotate-half, positions counted inside the segment, and its
// gradient, the transpose:
//
//   out = x·cos + (−x₂, x₁)·sin        x = (x₁, x₂): the halves of a row
//   dx += (dout₁·cos₁ + dout₂·sin₂, dout₂·cos₂ − dout₁·sin₁)
//
// A thread holds the same few columns of both halves, at one token, of several heads: the tables are read once for all
// of them. In float; only the result is rounded.

#include "ops/cuda/element.cuh"
#include "ops/cuda/rotate.h"

namespace infini::ops::cuda {
namespace {

constexpr int threads = 256;
constexpr int heads_per_thread = 4;

/// Columns of each half that a thread holds: 16 bytes of bfloat16, 32 of float.
constexpr int width = 8;

/// The tables' numbers for a thread's columns of both halves.
struct Angles {
  float cos_low[width], cos_high[width], sin_low[width], sin_high[width];

  __device__ __forceinline__ void turn(float (&low)[width], float (&high)[width]) const {
#pragma unroll
    for (int j = 0; j < width; ++j) {
      const float before = low[j];
      low[j] = before * cos_low[j] - high[j] * sin_low[j];
      high[j] = high[j] * cos_high[j] + before * sin_high[j];
    }
  }
  __device__ __forceinline__ void turn_back(float (&low)[width], float (&high)[width]) const {
#pragma unroll
    for (int j = 0; j < width; ++j) {
      const float before = low[j];
      low[j] = before * cos_low[j] + high[j] * sin_high[j];
      high[j] = high[j] * cos_high[j] - before * sin_low[j];
    }
  }
};

/// Calls body(angles, batch, head, token, column) for each of the heads, of q and then of k, of which this thread has
/// columns; heads from H on are those of k.
template <int D, typename Body>
__device__ __forceinline__ void for_each_head(const Extents& x, const float* cos, const float* sin, const Body& body) {
  constexpr int half = D / 2, threads_per_token = half / width;
  const int64_t token_blocks = (x.tokens * threads_per_token + threads - 1) / threads;
  const int64_t index = blockIdx.x % token_blocks * threads + threadIdx.x;
  const int64_t token = index / threads_per_token;
  if (token >= x.tokens) return;
  const int column = static_cast<int>(index % threads_per_token) * width;
  const int64_t heads = x.heads + x.groups, head_blocks = (heads + heads_per_thread - 1) / heads_per_thread;
  const int64_t row_of_blocks = blockIdx.x / token_blocks;
  const int64_t batch = row_of_blocks / head_blocks, first_head = row_of_blocks % head_blocks * heads_per_thread;

  Angles angles;
  const int64_t position = token % x.segment_length * D + column;
  load_floats(cos + position, angles.cos_low);
  load_floats(cos + position + half, angles.cos_high);
  load_floats(sin + position, angles.sin_low);
  load_floats(sin + position + half, angles.sin_high);
#pragma unroll
  for (int i = 0; i < heads_per_thread; ++i) {
    if (first_head + i < heads) body(angles, batch, first_head + i, token, column);
  }
}

template <typename T, int D>
__global__ void __launch_bounds__(threads) rotate(RotateArguments<T> arguments) {
  const Extents& x = arguments.extents;
  for_each_head<D>(x, arguments.cos, arguments.sin,
                   [&](const Angles& angles, int64_t batch, int64_t head, int64_t token, int column) {
                     const bool is_query = head < x.heads;
                     const T* const from =
                         is_query ? arguments.q.row(batch, head, token) : arguments.k.row(batch, head - x.heads, token);
                     T* const to = is_query ? arguments.q_rotated.row(batch, head, token)
                                            : arguments.k_rotated.row(batch, head - x.heads, token);
                     float low[width], high[width];
                     load_floats(from + column, low);
                     load_floats(from + column + D / 2, high);
                     angles.turn(low, high);
                     store_floats(to + column, low);
                     store_floats(to + column + D / 2, high);
                   });
}

template <typename T, int D>
__global__ void __launch_bounds__(threads) rotate_backward(RotateBackwardArguments<T> arguments) {
  const Extents& x = arguments.extents;
  for_each_head<D>(x, arguments.cos, arguments.sin,
                   [&](const Angles& angles, int64_t batch, int64_t head, int64_t token, int column) {
                     const bool is_query = head < x.heads;
                     const T* const from = is_query ? arguments.dq_rotated.row(batch, head, token)
                                                    : arguments.dk_rotated.row(batch, head - x.heads, token);
                     T* const to = is_query ? arguments.dq.row(batch, head, token)
                                            : arguments.dk.row(batch, head - x.heads, token);
                     float low[width], high[width], sum_low[width], sum_high[width];
                     load_floats(from + column, low);
                     load_floats(from + column + D / 2, high);
                     load_floats(to + column, sum_low);
                     load_floats(to + column + D / 2, sum_high);
                     angles.turn_back(low, high);
#pragma unroll
                     for (int j = 0; j < width; ++j) {
                       sum_low[j] += low[j];
                       sum_high[j] += high[j];
                     }
                     store_floats(to + column, sum_low);
                     store_floats(to + column + D / 2, sum_high);
                   });
}

template <typename Launch>
void with_grid(const Extents& x, const Launch& launch) {
  with_width(x.key_width, [&](auto D) {
    constexpr int threads_per_token = D() / 2 / width;
    const int64_t token_blocks = (x.tokens * threads_per_token + threads - 1) / threads;
    const int64_t head_blocks = (x.heads + x.groups + heads_per_thread - 1) / heads_per_thread;
    launch(D, grid_of(token_blocks * head_blocks * x.batch));
  });
}

}  // namespace

template <typename T>
void launch_rotate(const RotateArguments<T>& arguments, cudaStream_t stream) {
  with_grid(arguments.extents,
            [&](auto D, dim3 grid) { INFINI_LAUNCH((rotate<T, D()>), grid, dim3(threads), 0, stream, arguments); });
}

template <typename T>
void launch_rotate_backward(const RotateBackwardArguments<T>& arguments, cudaStream_t stream) {
  with_grid(arguments.extents, [&](auto D, dim3 grid) {
    INFINI_LAUNCH((rotate_backward<T, D()>), grid, dim3(threads), 0, stream, arguments);
  });
}

template void launch_rotate(const RotateArguments<float>&, cudaStream_t);
template void launch_rotate(const RotateArguments<__nv_bfloat16>&, cudaStream_t);
template void launch_rotate(const RotateArguments<__half>&, cudaStream_t);
template void launch_rotate_backward(const RotateBackwardArguments<float>&, cudaStream_t);
template void launch_rotate_backward(const RotateBackwardArguments<__nv_bfloat16>&, cudaStream_t);
template void launch_rotate_backward(const RotateBackwardArguments<__half>&, cudaStream_t);

}  // namespace infini::ops::cuda
