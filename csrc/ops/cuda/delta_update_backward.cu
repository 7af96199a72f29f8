// What the delta rule's gradient needs before the keys and values get theirs. For one key, with r = 1/(σ·z), what is
// written is σ wᵀ, w = v − r Mᵀσ; its gradient through w and r, dM being that of the memory after the segment, is
//
//   dσ = … − r C σ + ½ r² (σᵀCσ) z      dz = ½ r² (σᵀCσ) σ      C = c (dM Mᵀ + M dMᵀ)
//
// so of M and dM only the symmetric C [D,D] matters. The norm's part comes first, in a pass over K: dσ needs the
// gradient of the norm after each segment, to which all later segments contribute.
//
// memories [B,G,S,D,E], dmemories_after [B,G,F,D,E] → couplings [B,G,F,D,D]; k [B,G,N,D], couplings → dnorms
// [B,G,F,P,D] and ½ r² (σᵀCσ) of each token [B,G,F·L].

#include "ops/cuda/delta_update_backward.h"
#include "ops/cuda/tile.cuh"

namespace infini::ops::cuda {
namespace {

constexpr int coupling_warps = 4;
constexpr int coupling_threads = 32 * coupling_warps;

/// Rows and columns of C that a block makes.
constexpr int side = 64;

template <typename T, int D, int E>
__global__ void __launch_bounds__(coupling_threads) delta_coupling(DeltaCouplingArguments arguments) {
  using O = Operand<T>;
  INFINI_DYNAMIC_SHARED(unsigned char, shared);
  const Tile<O, E> left{reinterpret_cast<O*>(shared)};
  const Tile<O, E> right{left.data + left.size(side)};

  const Extents& x = arguments.extents;
  constexpr int tiles = D / side;
  const Place place = place_of(blockIdx.x, tiles * tiles, x.full_segments(), x.groups);
  const int row = static_cast<int>(place.part) / tiles * side, column = static_cast<int>(place.part) % tiles * side;
  const int64_t transition = x.transition(place.batch, place.head, place.segment);
  const float* const memory = arguments.memories + x.state(place.batch, place.head, place.segment) * D * E;
  const float* const dmemory = arguments.dmemories_after + transition * D * E;
  const int thread = static_cast<int>(threadIdx.x);

  Product<O, side, side, coupling_warps> product(thread / 32);
  load_tile<coupling_threads>(left, dmemory + row * E, side, thread);
  load_tile<coupling_threads>(right, memory + column * E, side, thread);
  __syncthreads();
  product.template add<E>(left, transposed(right));
  __syncthreads();
  load_tile<coupling_threads>(left, memory + row * E, side, thread);
  load_tile<coupling_threads>(right, dmemory + column * E, side, thread);
  __syncthreads();
  product.template add<E>(left, transposed(right));
  if (arguments.gain != nullptr) product.scale(arguments.gain[place.batch * x.segments() + place.segment]);
  product.store(arguments.couplings + (transition * D + row) * D + column, D);
}

constexpr int warps = 8;
constexpr int threads = 32 * warps;

/// What a block of the norm's pass holds in shared memory, as offsets in bytes.
template <typename T, int D>
struct Shared {
  using O = Operand<T>;
  static constexpr int rows = std::is_same_v<O, float> && D > 64 ? 16 : 32;
  static constexpr size_t coupling = 0;                               // C
  static constexpr size_t sigma = coupling + Tile<O, D>::bytes(D);    // σ(k)
  static constexpr size_t product = sigma + Tile<O, D>::bytes(rows);  // σ(k) C
  static constexpr size_t norm = product + Tile<float, D>::bytes(rows);
  static constexpr size_t reciprocal = norm + D * sizeof(float);       // r of each row
  static constexpr size_t weight = reciprocal + rows * sizeof(float);  // ½ r² σᵀCσ of each row
  static constexpr size_t sums = weight + rows * sizeof(float);        // of all threads, at the end
  static constexpr size_t bytes = sums + threads * sizeof(float);
};

template <typename T, int D>
__global__ void __launch_bounds__(threads, 2) delta_norm_backward(DeltaNormBackwardArguments<T> arguments) {
  using Layout = Shared<T, D>;
  using O = typename Layout::O;
  constexpr int rows = Layout::rows;
  INFINI_DYNAMIC_SHARED(unsigned char, shared);
  const Tile<O, D> coupling{reinterpret_cast<O*>(shared + Layout::coupling)};
  const Tile<O, D> sigma_k{reinterpret_cast<O*>(shared + Layout::sigma)};
  const Tile<float, D> coupled{reinterpret_cast<float*>(shared + Layout::product)};
  float* const norm = reinterpret_cast<float*>(shared + Layout::norm);
  float* const reciprocal = reinterpret_cast<float*>(shared + Layout::reciprocal);
  float* const weight = reinterpret_cast<float*>(shared + Layout::weight);
  float* const sums = reinterpret_cast<float*>(shared + Layout::sums);

  const Extents& x = arguments.extents;
  const Piece piece(x, blockIdx.x, x.full_segments(), x.groups);
  const int thread = static_cast<int>(threadIdx.x);
  const T* const k = arguments.k.row(piece.batch, piece.head, piece.first_token);
  float* const weights = arguments.weights + x.transition(piece.batch, piece.head, piece.segment) * x.segment_length +
                         piece.part * piece_length;
  using Keys = StagedRows<T, rows, D, threads>;
  Keys keys(thread);
  keys.fetch(k, arguments.k.token, piece.rows);
  load_tile<threads>(coupling, arguments.couplings + x.transition(piece.batch, piece.head, piece.segment) * D * D, D,
                     thread);
  const float* const z = arguments.norms + x.state(piece.batch, piece.head, piece.segment) * D;
  for (int i = thread; i < D; i += threads) norm[i] = z[i];
  __syncthreads();

  // A thread sums one column of dz, over every `norm_parts`-th row.
  constexpr int norm_parts = threads / D;
  float norm_sum = 0.0f;
  const SharedRows<float, rows, D, threads> product_rows(thread);
  for (int first = 0; first < piece.rows; first += rows) {
    const int count = piece.rows - first;
    keys.place(sigma_k, count, [&](float(&values)[Keys::width], int row) {
      float denominator = 0.0f;
#pragma unroll
      for (int j = 0; j < Keys::width; ++j) {
        values[j] = sigma(values[j]);
        denominator += rounded<O>(values[j]) * norm[keys.column() + j];
      }
      denominator = sum_over_lanes<Keys::lanes_per_row>(denominator);
      if (keys.column() == 0) reciprocal[row] = reciprocal_or_zero(denominator);
    });
    __syncthreads();
    if (count > rows) keys.fetch(k + (first + rows) * arguments.k.token, arguments.k.token, count - rows);
    {
      Product<O, rows, D, warps> product(thread / 32);
      product.template add<D>(sigma_k, coupling);
      product.store(coupled.data, coupled.stride);
    }
    __syncthreads();
    product_rows.for_each([&](int row) {
      const int column = product_rows.column();
      float values[product_rows.width], sigma_row[product_rows.width];
      load_floats(coupled.at(row, column), values);
      load_floats(sigma_k.at(row, column), sigma_row);
      float form = 0.0f;
#pragma unroll
      for (int j = 0; j < product_rows.width; ++j) form += values[j] * sigma_row[j];
      form = sum_over_lanes<product_rows.lanes_per_row>(form);
      if (column == 0) {
        weight[row] = 0.5f * reciprocal[row] * reciprocal[row] * form;
        if (row < count) weights[first + row] = weight[row];
      }
    });
    __syncthreads();
#pragma unroll 4
    for (int row = thread / D; row < rows; row += norm_parts) {
      norm_sum += weight[row] * to_float(*sigma_k.at(row, thread % D));
    }
    __syncthreads();
  }
  sums[thread] = norm_sum;
  __syncthreads();
  for (int i = thread; i < D; i += threads) {
    float sum = 0.0f;
#pragma unroll
    for (int part = 0; part < norm_parts; ++part) sum += sums[part * D + i];
    arguments.dnorms[int64_t{blockIdx.x} * D + i] = sum;
  }
}

}  // namespace

template <typename T>
void launch_delta_coupling(const DeltaCouplingArguments& arguments, cudaStream_t stream) {
  const Extents& x = arguments.extents;
  if (x.full_segments() == 0) return;
  with_widths(x.key_width, x.value_width, [&](auto D, auto E) {
    const int64_t blocks = x.batch * x.groups * x.full_segments() * (D() / side) * (D() / side);
    INFINI_LAUNCH((delta_coupling<T, D(), E()>), grid_of(blocks), dim3(coupling_threads),
                  2 * (Tile<Operand<T>, E()>::bytes(side)), stream, arguments);
  });
}

template <typename T>
void launch_delta_norm_backward(const DeltaNormBackwardArguments<T>& arguments, cudaStream_t stream) {
  const Extents& x = arguments.extents;
  if (x.full_segments() == 0) return;
  const int64_t blocks = x.batch * x.groups * x.full_segments() * pieces_per_segment(x);
  with_width(x.key_width, [&](auto D) {
    INFINI_LAUNCH((delta_norm_backward<T, D()>), grid_of(blocks), dim3(threads), (Shared<T, D()>::bytes), stream,
                  arguments);
  });
}

template void launch_delta_coupling<float>(const DeltaCouplingArguments&, cudaStream_t);
template void launch_delta_coupling<__nv_bfloat16>(const DeltaCouplingArguments&, cudaStream_t);
template void launch_delta_coupling<__half>(const DeltaCouplingArguments&, cudaStream_t);
template void launch_delta_norm_backward(const DeltaNormBackwardArguments<float>&, cudaStream_t);
template void launch_delta_norm_backward(const DeltaNormBackwardArguments<__nv_bfloat16>&, cudaStream_t);
template void launch_delta_norm_backward(const DeltaNormBackwardArguments<__half>&, cudaStream_t);

}  // namespace infini::ops::cuda
