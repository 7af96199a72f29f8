// The gradient of what full segments write, by either rule. With r = 1/(σ(k)·z), c the segment's gain, dM and dz those
// of the state after the segment:
//
//   dv = dv_local + c σ(k)ᵀ dM
//   dk = σ′(k) (c (dM v + dz) − r C σ(k) + w z)        w = ½ r² (σ(k)ᵀ C σ(k)); the last two for delta
//
// k, dk [B,G,N,D], v, dv, dv_local [B,G,N,E]. A block walks over one piece of a segment of one KV head, some rows at a
// time, c·dM and C in shared memory. k, v and dv_local are read once, dk and dv written once. σ(k) is recomputed,
// rounded to the products' operands as in the forward pass; w comes from the pass that sent it to the norm.

#include "ops/cuda/tile.cuh"
#include "ops/cuda/update_backward.h"

namespace infini::ops::cuda {
namespace {

constexpr int warps = 8;
constexpr int threads = 32 * warps;

/// Rows that a block works on at once. With `many` as many as registers hold; without, as shared memory is little.
template <typename T, int D, int E, bool many>
constexpr int rows_at_once = !many || (std::is_same_v<Operand<T>, float> && D * E > 64 * 128) ? 16 : 32;

/// What a block holds in shared memory, as offsets in bytes.
template <typename T, int D, int E, bool delta, bool many>
struct Shared {
  using O = Operand<T>;
  static constexpr int rows = rows_at_once<T, D, E, many>;
  static constexpr int widest = D > E ? D : E;
  static constexpr size_t dmemory = 0;                                            // c dM
  static constexpr size_t coupling = dmemory + Tile<O, E>::bytes(D);              // C
  static constexpr size_t sigma = coupling + (delta ? Tile<O, D>::bytes(D) : 0);  // σ(k)
  static constexpr size_t values = sigma + Tile<O, D>::bytes(rows);               // v, in its place −r σ(k)
  static constexpr size_t product = values + Tile < O, delta ? widest : E > ::bytes(rows);  // σ(k)ᵀ dM, then dσ(k)
  static constexpr size_t dnorm = product + Tile<float, widest>::bytes(rows);               // c dz
  static constexpr size_t norm = dnorm + D * sizeof(float);                                 // z
  static constexpr size_t reciprocal = norm + D * sizeof(float);                            // r of each row
  static constexpr size_t bytes = reciprocal + rows * sizeof(float);
};

template <typename T, int D, int E, bool delta, bool many>
__global__ void __launch_bounds__(threads, 2) update_backward(UpdateBackwardArguments<T> arguments) {
  using Layout = Shared<T, D, E, delta, many>;
  using O = typename Layout::O;
  constexpr int rows = Layout::rows;
  INFINI_DYNAMIC_SHARED(unsigned char, shared);
  const Tile<O, E> dmemory{reinterpret_cast<O*>(shared + Layout::dmemory)};
  const Tile<O, D> coupling{reinterpret_cast<O*>(shared + Layout::coupling)};
  const Tile<O, D> sigma_k{reinterpret_cast<O*>(shared + Layout::sigma)};
  const Tile<O, E> values{reinterpret_cast<O*>(shared + Layout::values)};
  const Tile<O, D> scaled{reinterpret_cast<O*>(shared + Layout::values)};
  const Tile<float, E> dwritten{reinterpret_cast<float*>(shared + Layout::product)};
  const Tile<float, D> dsigma{reinterpret_cast<float*>(shared + Layout::product)};
  float* const dnorm = reinterpret_cast<float*>(shared + Layout::dnorm);
  float* const norm = reinterpret_cast<float*>(shared + Layout::norm);
  float* const reciprocal = reinterpret_cast<float*>(shared + Layout::reciprocal);

  const Extents& x = arguments.extents;
  const Piece piece(x, blockIdx.x, x.full_segments(), x.groups);
  const int64_t state = x.state(piece.batch, piece.head, piece.segment);
  const int64_t full = x.transition(piece.batch, piece.head, piece.segment);
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32;
  const T* const k = arguments.k.row(piece.batch, piece.head, piece.first_token);
  const T* const v = arguments.v.row(piece.batch, piece.head, piece.first_token);
  const T* const dv_local = arguments.dv_local.row(piece.batch, piece.head, piece.first_token);
  T* const dk = arguments.dk.row(piece.batch, piece.head, piece.first_token);
  T* const dv = arguments.dv.row(piece.batch, piece.head, piece.first_token);
  const float* const weights =
      delta ? arguments.weights + full * x.segment_length + piece.part * piece_length : nullptr;

  using StagedKeys = StagedRows<T, rows, D, threads>;
  using StagedValues = StagedRows<T, rows, E, threads>;
  StagedKeys staged_keys(thread);
  StagedValues staged_values(thread);
  staged_keys.fetch(k, arguments.k.token, piece.rows);
  staged_values.fetch(v, arguments.v.token, piece.rows);
  const float gain = arguments.gain == nullptr ? 1.0f : arguments.gain[piece.batch * x.segments() + piece.segment];
  load_tile<threads>(dmemory, arguments.dmemories_after + full * D * E, D, thread, gain);
  for (int i = thread; i < D; i += threads) dnorm[i] = gain * arguments.dnorms_after[full * D + i];
  if constexpr (delta) {
    load_tile<threads>(coupling, arguments.couplings + full * D * D, D, thread);
    for (int i = thread; i < D; i += threads) norm[i] = arguments.norms[state * D + i];
  }
  __syncthreads();

  const SharedRows<T, rows, D, threads> key_rows(thread);
  const SharedRows<T, rows, E, threads> value_rows(thread);
  constexpr int width = Vector<T>::size;
  for (int first = 0; first < piece.rows; first += rows) {
    const int count = piece.rows - first;  // of which `rows` at most are worked on now
    staged_keys.place(sigma_k, count, [&](float(&row_values)[width], int row) {
      Sigma()(row_values, row);
      if constexpr (delta) {
        float denominator = 0.0f;
#pragma unroll
        for (int j = 0; j < width; ++j) denominator += rounded<O>(row_values[j]) * norm[staged_keys.column() + j];
        denominator = sum_over_lanes<StagedKeys::lanes_per_row>(denominator);
        if (staged_keys.column() == 0) reciprocal[row] = reciprocal_or_zero(denominator);
      }
    });
    staged_values.place(values, count, Unchanged());
    __syncthreads();
    if (count > rows) {
      staged_keys.fetch(k + (first + rows) * arguments.k.token, arguments.k.token, count - rows);
      staged_values.fetch(v + (first + rows) * arguments.v.token, arguments.v.token, count - rows);
    }
    {
      Product<O, rows, E, warps> product(warp);
      product.template add<D>(sigma_k, dmemory);
      product.store(dwritten.data, dwritten.stride);
    }
    Product<O, rows, D, warps> product(warp);
    product.template add<E>(values, transposed(dmemory));
    __syncthreads();
    value_rows.for_each([&](int row) {
      if (row >= count) return;
      const int column = value_rows.column();
      float gradient[width], through_local[width];
      load_floats(dwritten.at(row, column), gradient);
      load_floats(dv_local + (first + row) * arguments.dv_local.token + column, through_local);
#pragma unroll
      for (int j = 0; j < width; ++j) gradient[j] += through_local[j];
      store_floats(dv + (first + row) * arguments.dv.token + column, gradient);
    });
    if constexpr (delta) {
      key_rows.for_each([&](int row) {
        const int column = key_rows.column();
        float row_values[width];
        load_floats(sigma_k.at(row, column), row_values);
#pragma unroll
        for (int j = 0; j < width; ++j) row_values[j] *= -reciprocal[row];
        store_floats(scaled.at(row, column), row_values);
      });
    }
    __syncthreads();
    if constexpr (delta) product.template add<D>(scaled, coupling);
    product.store(dsigma.data, dsigma.stride);
    __syncthreads();
    key_rows.for_each([&](int row) {
      if (row >= count) return;
      const int column = key_rows.column();
      const float weight = delta ? weights[first + row] : 0.0f;
      float gradient[width], sigma_row[width];
      load_floats(dsigma.at(row, column), gradient);
      load_floats(sigma_k.at(row, column), sigma_row);
#pragma unroll
      for (int j = 0; j < width; ++j) {
        gradient[j] += dnorm[column + j];
        if constexpr (delta) gradient[j] += weight * norm[column + j];
        gradient[j] *= sigma_derivative(sigma_row[j]);
      }
      store_floats(dk + (first + row) * arguments.dk.token + column, gradient);
    });
    __syncthreads();
  }
}

}  // namespace

template <typename T>
bool update_backward_fits(const Extents& x, bool delta) {
  bool fits = false;
  with_widths(x.key_width, x.value_width, [&](auto D, auto E) {
    constexpr size_t bytes = Shared<T, D(), E(), true, true>::bytes,
                     fewer_bytes = Shared<T, D(), E(), true, false>::bytes;
    fits = !delta || (fewer_bytes <= least_shared_memory ? fewer_bytes : bytes) <= shared_memory_limit();
  });
  return fits;
}

template <typename T>
void launch_update_backward(const UpdateBackwardArguments<T>& arguments, cudaStream_t stream) {
  const Extents& x = arguments.extents;
  if (x.full_segments() == 0) return;
  const int64_t blocks = x.batch * x.groups * x.full_segments() * pieces_per_segment(x);
  with_widths(x.key_width, x.value_width, [&](auto D, auto E) {
    constexpr size_t linear_bytes = Shared<T, D(), E(), false, true>::bytes;
    constexpr size_t delta_bytes = Shared<T, D(), E(), true, true>::bytes;
    constexpr size_t fewer_bytes = Shared<T, D(), E(), true, false>::bytes;
    static_assert(linear_bytes <= least_shared_memory);
    if (arguments.couplings == nullptr) {
      INFINI_LAUNCH((update_backward<T, D(), E(), false, true>), grid_of(blocks), dim3(threads), linear_bytes, stream,
                    arguments);
      return;
    }
    if constexpr (delta_bytes > least_shared_memory && fewer_bytes <= least_shared_memory) {
      if (delta_bytes > shared_memory_limit()) {
        INFINI_LAUNCH((update_backward<T, D(), E(), true, false>), grid_of(blocks), dim3(threads), fewer_bytes, stream,
                      arguments);
        return;
      }
    }
    INFINI_LAUNCH((update_backward<T, D(), E(), true, true>), grid_of(blocks), dim3(threads), delta_bytes, stream,
                  arguments);
  });
}

template bool update_backward_fits<float>(const Extents&, bool);
template bool update_backward_fits<__nv_bfloat16>(const Extents&, bool);
template bool update_backward_fits<__half>(const Extents&, bool);
template void launch_update_backward(const UpdateBackwardArguments<float>&, cudaStream_t);
template void launch_update_backward(const UpdateBackwardArguments<__nv_bfloat16>&, cudaStream_t);
template void launch_update_backward(const UpdateBackwardArguments<__half>&, cudaStream_t);

}  // namespace infini::ops::cuda
