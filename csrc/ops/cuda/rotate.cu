// Rotary position embedding of q and k for local attention, rotate-half, positions counted inside the segment:
//
//   out = x·cos + (−x₂, x₁)·sin        x = (x₁, x₂): the halves of a row
//
// A thread holds the same few columns of both halves, at one token, of several heads: the tables are read once for all of
// them. In float; only the result is rounded.

#include "ops/cuda/rotate.h"

#include "ops/cuda/element.cuh"

namespace infini::ops::cuda {
namespace {

constexpr int threads = 256;
constexpr int heads_per_thread = 4;

/// Columns of each half that a thread holds: 16 bytes of bfloat16, 32 of float.
constexpr int width = 8;

template <typename T, int D>
__global__ void __launch_bounds__(threads) rotate(RotateArguments<T> arguments) {
  constexpr int half = D / 2, threads_per_token = half / width;
  const Extents& x = arguments.extents;
  const int64_t token_blocks = (x.tokens * threads_per_token + threads - 1) / threads;
  const int64_t index = blockIdx.x % token_blocks * threads + threadIdx.x;
  const int64_t token = index / threads_per_token;
  if (token >= x.tokens) return;
  const int column = static_cast<int>(index % threads_per_token) * width;
  const int64_t head_blocks = (x.heads + x.groups + heads_per_thread - 1) / heads_per_thread;
  const int64_t row_of_blocks = blockIdx.x / token_blocks;
  const int64_t batch = row_of_blocks / head_blocks, first_head = row_of_blocks % head_blocks * heads_per_thread;

  const int64_t position = token % x.segment_length * D + column;
  float cos_low[width], cos_high[width], sin_low[width], sin_high[width];
  load_floats(arguments.cos + position, cos_low);
  load_floats(arguments.cos + position + half, cos_high);
  load_floats(arguments.sin + position, sin_low);
  load_floats(arguments.sin + position + half, sin_high);

#pragma unroll
  for (int i = 0; i < heads_per_thread; ++i) {
    const int64_t head = first_head + i;
    if (head >= x.heads + x.groups) return;
    const bool is_query = head < x.heads;
    const T* const from = is_query ? arguments.q.row(batch, head, token) : arguments.k.row(batch, head - x.heads, token);
    T* const to = is_query ? arguments.q_rotated.row(batch, head, token)
                           : arguments.k_rotated.row(batch, head - x.heads, token);
    float low[width], high[width], rotated_low[width], rotated_high[width];
    load_floats(from + column, low);
    load_floats(from + column + half, high);
#pragma unroll
    for (int j = 0; j < width; ++j) {
      rotated_low[j] = low[j] * cos_low[j] - high[j] * sin_low[j];
      rotated_high[j] = high[j] * cos_high[j] + low[j] * sin_high[j];
    }
    store_floats(to + column, rotated_low);
    store_floats(to + column + half, rotated_high);
  }
}

}  // namespace

template <typename T>
void launch_rotate(const RotateArguments<T>& arguments, cudaStream_t stream) {
  const Extents& x = arguments.extents;
  with_width(x.key_width, [&](auto D) {
    constexpr int threads_per_token = D() / 2 / width;
    const int64_t token_blocks = (x.tokens * threads_per_token + threads - 1) / threads;
    const int64_t head_blocks = (x.heads + x.groups + heads_per_thread - 1) / heads_per_thread;
    INFINI_LAUNCH((rotate<T, D()>), grid_of(token_blocks * head_blocks * x.batch), dim3(threads), 0, stream, arguments);
  });
}

template void launch_rotate(const RotateArguments<float>&, cudaStream_t);
template void launch_rotate(const RotateArguments<__nv_bfloat16>&, cudaStream_t);
template void launch_rotate(const RotateArguments<__half>&, cudaStream_t);

}  // namespace infini::ops::cuda
