// What each full segment writes to the memory by the delta rule (equation 5 of the paper), as the map
// M ← M + written − transition · M, so that all segments can be worked on at once:
//
//   written norm = c Σσ(k) [D]                            first, in a pass over K; of these, z before each segment
//   written = c σ(K)ᵀV [D,E]
//   transition = c σ(K)ᵀ diag(1/(σ(K)·z)) σ(K) [D,D]      = c PᵀP with the rows p = σ(k)/√(σ(k)·z)
//
// k [B,G,N,D], v [B,G,N,E], z [B,G,S,D] → norms [B,G,S,D], memories [B,G,S,D,E], transitions [B,G,F,D,D]; c is the
// segment's gain. A block makes 64 columns of a norm, 64 x 64 numbers of what is written, or 64 rows of a transition,
// so that nothing is summed across blocks: the result is the same on every run. Of P only one tile is held, and the
// transition stays symmetric when P is rounded. Denominators and sums are float.

#include "ops/cuda/delta_update.h"
#include "ops/cuda/written_tile.cuh"

namespace infini::ops::cuda {
namespace {

constexpr int threads = WrittenTile<float>::threads;
constexpr int side = WrittenTile<float>::side;

/// Columns that a block sums of a norm: few, so that there are many blocks.
constexpr int norm_columns = 32;

__device__ __forceinline__ float gain_at(const float* gain, const Extents& x, const Place& place) {
  return gain == nullptr ? 1.0f : gain[place.batch * x.segments() + place.segment];
}

template <typename T, int D>
__global__ void __launch_bounds__(threads) written_norm(WrittenNormArguments<T> arguments) {
  constexpr int width = Vector<T>::size, lanes_per_row = norm_columns / width, step = threads / lanes_per_row;
  __shared__ float shared[step * norm_columns];
  const Extents& x = arguments.extents;
  const Place place = place_of(blockIdx.x, D / norm_columns, x.full_segments(), x.groups);
  const int first_column = static_cast<int>(place.part) * norm_columns, thread = static_cast<int>(threadIdx.x);
  const int row = thread / lanes_per_row, column = thread % lanes_per_row * width;
  const T* const k = arguments.k.row(place.batch, place.head, place.segment * x.segment_length) + first_column + column;

  float sums[width] = {};
#pragma unroll 4
  for (int64_t token = row; token < x.segment_length; token += step) {
    float values[width];
    load_floats(k + token * arguments.k.token, values);
#pragma unroll
    for (int j = 0; j < width; ++j) sums[j] += sigma(values[j]);
  }
#pragma unroll
  for (int j = 0; j < width; ++j) shared[row * norm_columns + column + j] = sums[j];
  __syncthreads();
  if (thread >= norm_columns) return;
  float sum = 0.0f;
  for (int i = 0; i < step; ++i) sum += shared[i * norm_columns + thread];
  const float gain = gain_at(arguments.gain, x, place);
  arguments.norms[x.state(place.batch, place.head, place.segment) * D + first_column + thread] = gain * sum;
}

/// 64 rows of the transition of one segment, by one block.
template <typename T, int D>
struct TransitionRows {
  using O = Operand<T>;
  static constexpr int tokens_at_once = std::is_same_v<T, float> ? 32 : 64;
  using Staged = StagedRows<T, tokens_at_once, D, threads>;
  using Keys = Tile<O, D>;
  static constexpr size_t shared_bytes = Keys::bytes(tokens_at_once);

  static __device__ __forceinline__ int at_once(int64_t tokens) {
    return static_cast<int>(tokens < tokens_at_once ? tokens : tokens_at_once);
  }

  /// `first_row` of the transition; k points at the segment's first token.
  static __device__ __forceinline__ void make(unsigned char* shared, const T* k, int64_t stride, int64_t tokens,
                                              const float* norm, float gain, int first_row, float* transition) {
    const Keys keys{reinterpret_cast<O*>(shared)};
    Staged staged(static_cast<int>(threadIdx.x));
    float z[Staged::width];
    load_floats(norm + staged.column(), z);
    Product<O, side, D, threads / 32> product(static_cast<int>(threadIdx.x) / 32);
    staged.fetch(k, stride, at_once(tokens));
    for (int64_t first = 0; first < tokens; first += tokens_at_once) {
      staged.place(keys, at_once(tokens - first), [&](float(&values)[Staged::width], int) {
        float denominator = 0.0f;
#pragma unroll
        for (int j = 0; j < Staged::width; ++j) {
          values[j] = sigma(values[j]);
          denominator += values[j] * z[j];
        }
        const float factor = sqrtf(reciprocal_or_zero(sum_over_lanes<Staged::lanes_per_row>(denominator)));
#pragma unroll
        for (int j = 0; j < Staged::width; ++j) values[j] *= factor;
      });
      __syncthreads();
      const int64_t next = first + tokens_at_once;
      if (next < tokens) staged.fetch(k + next * stride, stride, at_once(tokens - next));
      product.template add<tokens_at_once>(transposed(keys.from(0, first_row)), keys);
      __syncthreads();
    }
    product.scale(gain);
    product.store(transition + first_row * D, D);
  }
};

template <typename T, int D>
constexpr size_t shared_bytes() {
  return WrittenTile<T>::shared_bytes > TransitionRows<T, D>::shared_bytes ? WrittenTile<T>::shared_bytes
                                                                           : TransitionRows<T, D>::shared_bytes;
}

/// The blocks of a segment: first those of its transition, which take longer, then those of what it writes.
template <typename T, int D, int E>
__global__ void __launch_bounds__(threads, 3) delta_update(DeltaUpdateArguments<T> arguments) {
  INFINI_DYNAMIC_SHARED(unsigned char, shared);
  constexpr int transition_parts = D / side, tile_columns = E / side;
  const Extents& x = arguments.extents;
  const Place place = place_of(blockIdx.x, transition_parts + D / side * tile_columns, x.full_segments(), x.groups);
  const int part = static_cast<int>(place.part);
  const int64_t state = x.state(place.batch, place.head, place.segment);
  const float gain = gain_at(arguments.gain, x, place);
  const int64_t token = place.segment * x.segment_length;
  const T* const k = arguments.k.row(place.batch, place.head, token);

  if (part < transition_parts) {
    float* const transition = arguments.transitions + x.transition(place.batch, place.head, place.segment) * D * D;
    TransitionRows<T, D>::make(shared, k, arguments.k.token, x.segment_length, arguments.norms + state * D, gain,
                               part * side, transition);
  } else {
    const int row = (part - transition_parts) / tile_columns * side;
    const int column = (part - transition_parts) % tile_columns * side;
    WrittenTile<T> tile(shared);
    tile.sum(k + row, arguments.k.token, arguments.v.row(place.batch, place.head, token) + column, arguments.v.token,
             x.segment_length);
    tile.store(arguments.memories + (state * D + row) * E + column, E, gain);
  }
}

}  // namespace

template <typename T>
void launch_written_norm(const WrittenNormArguments<T>& arguments, cudaStream_t stream) {
  const Extents& x = arguments.extents;
  if (x.full_segments() == 0) return;
  with_width(x.key_width, [&](auto D) {
    const dim3 grid = grid_of(int64_t{D() / norm_columns} * x.full_segments() * x.groups * x.batch);
    INFINI_LAUNCH((written_norm<T, D()>), grid, dim3(threads), 0, stream, arguments);
  });
}

template <typename T>
void launch_delta_update(const DeltaUpdateArguments<T>& arguments, cudaStream_t stream) {
  const Extents& x = arguments.extents;
  if (x.full_segments() == 0) return;
  with_widths(x.key_width, x.value_width, [&](auto D, auto E) {
    constexpr int parts = D() / side + D() / side * (E() / side);
    const dim3 grid = grid_of(parts * x.full_segments() * x.groups * x.batch);
    INFINI_LAUNCH((delta_update<T, D(), E()>), grid, dim3(threads), (shared_bytes<T, D()>()), stream, arguments);
  });
}

template void launch_written_norm(const WrittenNormArguments<float>&, cudaStream_t);
template void launch_written_norm(const WrittenNormArguments<__nv_bfloat16>&, cudaStream_t);
template void launch_written_norm(const WrittenNormArguments<__half>&, cudaStream_t);
template void launch_delta_update(const DeltaUpdateArguments<float>&, cudaStream_t);
template void launch_delta_update(const DeltaUpdateArguments<__nv_bfloat16>&, cudaStream_t);
template void launch_delta_update(const DeltaUpdateArguments<__half>&, cudaStream_t);

}  // namespace infini::ops::cuda
