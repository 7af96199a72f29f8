// What the memory knows, gated with local attention (equations 3 and 6 of the paper):
//
//   out = sigmoid(β) σ(q)M/(σ(q)·z) + (1 − sigmoid(β)) A_dot        A_dot alone where the memory is empty
//
// q [B,H,N,D], A_dot and out [B,H,N,E], M [B,G,S,D,E] and z [B,G,S,D] before each segment. A block holds M in shared
// memory and reads up to 512 rows of one segment of one head, each of its warps 16 rows at a time and by itself: no
// barrier after M has been loaded. σ(q) is rounded to the products' operands; the denominator sums what was rounded, so
// that what rounding does to both cancels. Sums, denominators and the gate are float; q, A_dot and out pass through the
// chip once.

#include "ops/cuda/retrieve.h"
#include "ops/cuda/tile.cuh"

namespace infini::ops::cuda {
namespace {

constexpr int warps = 4;
constexpr int threads = 32 * warps;
constexpr int rows_per_block = 512;
constexpr int rows_per_warp = 16;

/// Columns that one lane combines and stores at once.
constexpr int width = 8;

/// A block's shared memory: M; for each warp its rows of σ(q), in whose place comes, part by part, what they retrieved.
/// The factor of each row lies in the padding of a row of M, so that float of 128 x 128 fits into every device.
template <typename T, int D, int E>
struct Shared {
  using O = Operand<T>;
  using Memory = Tile<O, E>;
  using Queries = Tile<O, D>;
  static constexpr int queries_as_floats = D * static_cast<int>(sizeof(O)) / static_cast<int>(sizeof(float));
  static constexpr int part = queries_as_floats < E ? queries_as_floats : E;
  using Retrieved = Tile<float, part>;
  static constexpr size_t warp_bytes = Queries::bytes(rows_per_warp);
  static_assert(Retrieved::bytes(rows_per_warp) <= warp_bytes && warp_bytes % 32 == 0 && E % part == 0);

  static constexpr size_t memory_bytes = Memory::bytes(D);
  static constexpr size_t bytes = memory_bytes + warps * warp_bytes;
  static_assert(bytes <= least_shared_memory && warps * rows_per_warp <= D);
};

template <typename T>
__device__ void copy_rows(T* out, int64_t out_stride, const T* from, int64_t stride, int rows, int columns) {
  const int lanes_per_row = columns / width;
  for (int i = static_cast<int>(threadIdx.x); i < rows * lanes_per_row; i += threads) {
    const int64_t row = i / lanes_per_row, column = i % lanes_per_row * width;
    float values[width];
    load_floats(from + row * stride + column, values);
    store_floats(out + row * out_stride + column, values);
  }
}

/// Rounded σ(q) of `rows` rows → queries, and gate / (σ(q)·z) of each → factors. By one warp.
template <typename T, typename Queries, typename Memory>
__device__ __forceinline__ void load_queries(Queries queries, Memory factors, const T* q, int64_t stride, int rows,
                                             const float* norm, float gate) {
  using Rows = StagedRows<T, rows_per_warp, Queries::columns, 32>;
  Rows staged(static_cast<int>(threadIdx.x) % 32);
  staged.fetch(q, stride, rows);
  float z[Rows::width];
  load_floats(norm + staged.column(), z);
  staged.place(queries, rows, [&](float(&values)[Rows::width], int row) {
    float denominator = 0.0f;
#pragma unroll
    for (int j = 0; j < Rows::width; ++j) {
      values[j] = rounded<typename Queries::element>(sigma(values[j]));
      denominator += values[j] * z[j];
    }
    denominator = sum_over_lanes<Rows::lanes_per_row>(denominator);
    if (staged.column() == 0) *factors.padding(row) = gate * reciprocal_or_zero(denominator);
  });
}

/// out = factor · retrieved + local_factor · local, for `rows` rows of one part of the columns. By one warp.
template <typename T, typename Retrieved, typename Memory>
__device__ __forceinline__ void combine(T* out, int64_t out_stride, Retrieved retrieved, Memory factors, const T* local,
                                        int64_t local_stride, float local_factor, int rows) {
  constexpr int lanes_per_row = Retrieved::columns / width, step = 32 / lanes_per_row;
  const int lane = static_cast<int>(threadIdx.x) % 32, column = lane % lanes_per_row * width;
#pragma unroll
  for (int i = 0; i < rows_per_warp; i += step) {
    const int row = i + lane / lanes_per_row;
    if (row >= rows) return;
    float values[width], retrieved_values[width];
    load_floats(local + row * local_stride + column, values);
    load_floats(retrieved.at(row, column), retrieved_values);
#pragma unroll
    for (int j = 0; j < width; ++j) values[j] = *factors.padding(row) * retrieved_values[j] + local_factor * values[j];
    store_floats(out + row * out_stride + column, values);
  }
}

template <typename T, int D, int E>
__global__ void __launch_bounds__(threads) retrieve(RetrieveArguments<T> arguments) {
  using Layout = Shared<T, D, E>;
  using O = Operand<T>;
  INFINI_DYNAMIC_SHARED(unsigned char, shared);

  const Extents& x = arguments.extents;
  const int64_t parts = (x.segment_length + rows_per_block - 1) / rows_per_block;
  const Place place = place_of(blockIdx.x, parts, x.segments(), x.heads);
  const int64_t first = place.part * rows_per_block, left = x.tokens_of(place.segment) - first;
  if (left <= 0) return;
  const int rows = static_cast<int>(left < rows_per_block ? left : rows_per_block);

  const int64_t token = place.segment * x.segment_length + first;
  const T* const q = arguments.q.row(place.batch, place.head, token);
  const T* const local = arguments.local.row(place.batch, place.head, token);
  T* const out = arguments.out.row(place.batch, place.head, token);
  const int64_t state = x.state(place.batch, place.head / x.group_size(), place.segment);
  const float* const norm = arguments.norms + state * D;
  if (!any_nonzero(norm, D)) return copy_rows(out, arguments.out.token, local, arguments.local.token, rows, E);

  const typename Layout::Memory memory{reinterpret_cast<O*>(shared)};
  load_tile<threads>(memory, arguments.memories + state * D * E, D, static_cast<int>(threadIdx.x));
  __syncthreads();

  const int warp = static_cast<int>(threadIdx.x) / 32;
  unsigned char* const own = shared + Layout::memory_bytes + warp * Layout::warp_bytes;
  const typename Layout::Queries queries{reinterpret_cast<O*>(own)};
  const typename Layout::Retrieved retrieved{reinterpret_cast<float*>(own)};
  const typename Layout::Memory factors = memory.from(warp * rows_per_warp, 0);  // in its padding
  const float gate = sigmoid(arguments.beta[place.head]);

  for (int begin = warp * rows_per_warp; begin < rows; begin += warps * rows_per_warp) {
    const int count = rows - begin < rows_per_warp ? rows - begin : rows_per_warp;
    load_queries(queries, factors, q + begin * arguments.q.token, arguments.q.token, count, norm, gate);
    __syncwarp();
    Product<O, rows_per_warp, E, 1> product(0);
    product.template add<D>(queries, memory);
#pragma unroll
    for (int column = 0; column < E; column += Layout::part) {
      __syncwarp();
      product.template store_part<Layout::part>(column, retrieved.data, Layout::Retrieved::stride);
      __syncwarp();
      combine(out + begin * arguments.out.token + column, arguments.out.token, retrieved, factors,
              local + begin * arguments.local.token + column, arguments.local.token, 1.0f - gate, count);
    }
    __syncwarp();
  }
}

}  // namespace

template <typename T>
void launch_retrieve(const RetrieveArguments<T>& arguments, cudaStream_t stream) {
  const Extents& x = arguments.extents;
  const int64_t parts = (x.segment_length + rows_per_block - 1) / rows_per_block;
  const dim3 grid = grid_of(parts * x.segments() * x.heads * x.batch);
  with_widths(x.key_width, x.value_width, [&](auto D, auto E) {
    INFINI_LAUNCH((retrieve<T, D(), E()>), grid, dim3(threads), (Shared<T, D(), E()>::bytes), stream, arguments);
  });
}

template void launch_retrieve(const RetrieveArguments<float>&, cudaStream_t);
template void launch_retrieve(const RetrieveArguments<__nv_bfloat16>&, cudaStream_t);
template void launch_retrieve(const RetrieveArguments<__half>&, cudaStream_t);

}  // namespace infini::ops::cuda
