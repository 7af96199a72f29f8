// What each full segment writes to the memory by the linear rule (equation 4 of the paper), in one pass over K and V:
//
//   written = c σ(K)ᵀV [D,E]        written norm = c Σσ(k) [D]        c: the segment's gain
//
// k [B,G,N,D], v [B,G,N,E] → memories [B,G,S,D,E], norms [B,G,S,D]. A block makes 64 x 64 numbers of one segment, so
// that nothing is summed across blocks: the result is the same on every run. Operands as in tile.cuh; sums are float.

#include "ops/cuda/linear_update.h"
#include "ops/cuda/written_tile.cuh"

namespace infini::ops::cuda {
namespace {

constexpr int threads = WrittenTile<float>::threads;
constexpr int side = WrittenTile<float>::side;

template <typename T, int D, int E>
__global__ void __launch_bounds__(threads) linear_update(LinearUpdateArguments<T> arguments) {
  INFINI_DYNAMIC_SHARED(unsigned char, shared);
  constexpr int tile_columns = E / side;
  const Extents& x = arguments.extents;
  const Place place = place_of(blockIdx.x, D / side * tile_columns, x.full_segments(), x.groups);
  const int row = static_cast<int>(place.part) / tile_columns * side;
  const int column = static_cast<int>(place.part) % tile_columns * side;
  const int64_t token = place.segment * x.segment_length;
  const float gain = arguments.gain == nullptr ? 1.0f : arguments.gain[place.batch * x.segments() + place.segment];
  const int64_t state = x.state(place.batch, place.head, place.segment);

  WrittenTile<T> tile(shared);
  tile.sum(arguments.k.row(place.batch, place.head, token) + row, arguments.k.token,
           arguments.v.row(place.batch, place.head, token) + column, arguments.v.token, x.segment_length);
  tile.store(arguments.memories + (state * D + row) * E + column, E, gain);
  if (column == 0) tile.store_norm(arguments.norms + state * D + row, gain);
}

}  // namespace

template <typename T>
void launch_linear_update(const LinearUpdateArguments<T>& arguments, cudaStream_t stream) {
  const Extents& x = arguments.extents;
  if (x.full_segments() == 0) return;
  with_widths(x.key_width, x.value_width, [&](auto D, auto E) {
    const dim3 grid = grid_of(int64_t{D() / side} * (E() / side) * x.full_segments() * x.groups * x.batch);
    INFINI_LAUNCH((linear_update<T, D(), E()>), grid, dim3(threads), WrittenTile<T>::shared_bytes, stream, arguments);
  });
}

template void launch_linear_update(const LinearUpdateArguments<float>&, cudaStream_t);
template void launch_linear_update(const LinearUpdateArguments<__nv_bfloat16>&, cudaStream_t);
template void launch_linear_update(const LinearUpdateArguments<__half>&, cudaStream_t);

}  // namespace infini::ops::cuda
