// The gradient of retrieval and gate. A_dot is kept from the forward pass; everything else is computed again. With
// r = 1/(σ(q)·z), g = sigmoid(β):
//
//   A_mem = r σ(q) M      u = g r dout      p = u·A_mem
//   dq = σ′(q) (M u − p z)      dM = σ(q)ᵀ u      dz = −p σ(q)      dA_dot = (1 − g) dout
//   dβ = g (1 − g) Σ dout·(A_mem − A_dot)
//
// A block walks over one piece of a segment for one head, some rows at a time, M in shared memory and dM in registers.
// q, A_dot and dout are read once; dq and dA_dot are written once. Each piece writes its share of dM, dz and dβ to a
// place of its own. A later kernel sums the shares, always in the same order.

#include "ops/cuda/retrieve_backward.h"
#include "ops/cuda/tile.cuh"

namespace infini::ops::cuda {
namespace {

constexpr int warps = 8;
constexpr int threads = 32 * warps;

/// The piece's first row of each tensor. It lies in shared memory, because most registers hold dM.
template <typename T>
struct RowsOfPiece {
  const T *q, *local, *dout;
  T *dq, *dlocal;
};

/// What a block holds in shared memory, as offsets in bytes. With `ahead` q and A_dot are copied there before they are
/// needed. Without it they are read when they are needed: wide heads in float on devices with little shared memory.
template <typename T, int D, int E, bool ahead>
struct Shared {
  using O = Operand<T>;
  static constexpr int rows = std::is_same_v<O, float> && D * E > 64 * 128 ? 16 : 32;
  static constexpr int widest = D > E ? D : E;
  static constexpr size_t memory = 0;                                                // M
  static constexpr size_t queries = memory + Tile<O, E>::bytes(D);                   // q, one step ahead
  static constexpr size_t sigma = queries + (ahead ? Tile<O, D>::bytes(rows) : 0);   // σ(q)
  static constexpr size_t local = sigma + Tile<O, D>::bytes(rows);                   // A_dot
  static constexpr size_t upstream = local + (ahead ? Tile<O, E>::bytes(rows) : 0);  // dout, in its place u
  static constexpr size_t product = upstream + Tile<O, E>::bytes(rows);              // σ(q) M, then u Mᵀ
  static constexpr size_t norm = product + Tile<float, widest>::bytes(rows);         // z
  static constexpr size_t reciprocal = norm + D * sizeof(float);                     // r of each row
  static constexpr size_t weight = reciprocal + rows * sizeof(float);                // p of each row
  static constexpr size_t sums = weight + rows * sizeof(float);                      // of all threads, at the end
  static constexpr size_t rows_of_piece = sums + threads * sizeof(float);
  static constexpr size_t bytes = rows_of_piece + sizeof(RowsOfPiece<T>);
};

/// Loads Size elements of a row of global memory, 0 of one that does not exist.
template <int Size, typename T>
__device__ __forceinline__ void load_row(const T* from, bool exists, float (&out)[Size]) {
  if (exists) return load_floats(from, out);
#pragma unroll
  for (int i = 0; i < Size; ++i) out[i] = 0.0f;
}

/// The gradient of a piece that reads nothing, by all threads.
template <typename T, int D, int E>
__device__ void pass_through(const RetrieveBackwardArguments<T>& arguments, const Piece& piece) {
  const int64_t index = blockIdx.x;
  const int thread = static_cast<int>(threadIdx.x);
  constexpr int width = Vector<T>::size;
  const float none[width] = {}, no_state[4] = {};
  for (int i = thread * width; i < piece.rows * D; i += threads * width) {
    store_floats(arguments.dq.row(piece.batch, piece.head, piece.first_token + i / D) + i % D, none);
  }
  for (int i = thread * width; i < piece.rows * E; i += threads * width) {
    const int64_t token = piece.first_token + i / E;
    store_vector(arguments.dlocal.row(piece.batch, piece.head, token) + i % E,
                 load_vector(arguments.dout.row(piece.batch, piece.head, token) + i % E));
  }
  for (int i = thread * 4; i < D * E; i += threads * 4) store_floats(arguments.dmemories + index * D * E + i, no_state);
  for (int i = thread; i < D; i += threads) arguments.dnorms[index * D + i] = 0.0f;
  if (thread == 0) arguments.dbetas[index] = 0.0f;
}

template <typename T, int D, int E, bool ahead>
__global__ void __launch_bounds__(threads, 2) retrieve_backward(RetrieveBackwardArguments<T> arguments) {
  using Layout = Shared<T, D, E, ahead>;
  using O = typename Layout::O;
  constexpr int rows = Layout::rows;
  const Extents& x = arguments.extents;
  const int64_t index = blockIdx.x;
  const Piece piece(x, index, x.segments(), x.heads);
  const int64_t state = x.state(piece.batch, piece.head / x.group_size(), piece.segment);
  const float* const z = arguments.norms + state * D;
  if (piece.rows == 0 || !any_nonzero(z, D)) return pass_through<T, D, E>(arguments, piece);

  INFINI_DYNAMIC_SHARED(unsigned char, shared);
  const Tile<O, E> memory{reinterpret_cast<O*>(shared + Layout::memory)};
  const Tile<T, D> queries{reinterpret_cast<T*>(shared + Layout::queries)};
  const Tile<O, D> sigma_q{reinterpret_cast<O*>(shared + Layout::sigma)};
  const Tile<T, E> local{reinterpret_cast<T*>(shared + Layout::local)};
  const Tile<T, E> dout{reinterpret_cast<T*>(shared + Layout::upstream)};
  const Tile<O, E> upstream{reinterpret_cast<O*>(shared + Layout::upstream)};
  const Tile<float, E> retrieved{reinterpret_cast<float*>(shared + Layout::product)};
  const Tile<float, D> dsigma{reinterpret_cast<float*>(shared + Layout::product)};
  float* const norm = reinterpret_cast<float*>(shared + Layout::norm);
  float* const reciprocal = reinterpret_cast<float*>(shared + Layout::reciprocal);
  float* const weight = reinterpret_cast<float*>(shared + Layout::weight);
  float* const sums = reinterpret_cast<float*>(shared + Layout::sums);
  RowsOfPiece<T>* const piece_rows = reinterpret_cast<RowsOfPiece<T>*>(shared + Layout::rows_of_piece);

  using KeyRows = SharedRows<T, rows, D, threads>;
  using ValueRows = SharedRows<T, rows, E, threads>;
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32;
  const KeyRows key_rows(thread);
  const ValueRows value_rows(thread);
  if (thread == 0) {
    *piece_rows = {arguments.q.row(piece.batch, piece.head, piece.first_token),
                   arguments.local.row(piece.batch, piece.head, piece.first_token),
                   arguments.dout.row(piece.batch, piece.head, piece.first_token),
                   arguments.dq.row(piece.batch, piece.head, piece.first_token),
                   arguments.dlocal.row(piece.batch, piece.head, piece.first_token)};
  }
  const auto fetch_queries = [&](int first) {
    const T* const from = piece_rows->q + first * arguments.q.token;
    if (ahead && first < piece.rows) key_rows.fetch(queries, from, arguments.q.token, piece.rows - first);
    __pipeline_commit();
  };
  const float gate = sigmoid(arguments.beta[piece.head]);
  load_tile<threads>(memory, arguments.memories + state * D * E, D, thread);
  for (int i = thread; i < D; i += threads) norm[i] = z[i];
  __syncthreads();
  fetch_queries(0);

  // A thread sums one column of dz, over every `norm_parts`-th row.
  constexpr int norm_parts = threads / D;
  float norm_sum = 0.0f, beta_sum = 0.0f;
  Product<O, D, E, warps> dmemory(warp);

  for (int first = 0; first < piece.rows; first += rows) {
    const int count = piece.rows - first;  // of which `rows` at most are worked on now
    value_rows.fetch(dout, piece_rows->dout + first * arguments.dout.token, arguments.dout.token, count);
    if (ahead) value_rows.fetch(local, piece_rows->local + first * arguments.local.token, arguments.local.token, count);
    __pipeline_commit();
    __pipeline_wait_prior(1);
    key_rows.for_each([&](int row) {
      const int column = key_rows.column();
      float values[KeyRows::width];
      if constexpr (ahead) {
        load_floats(queries.at(row, column), values);
      } else {
        load_row(piece_rows->q + (first + row) * arguments.q.token + column, row < count, values);
      }
      float denominator = 0.0f;
#pragma unroll
      for (int j = 0; j < KeyRows::width; ++j) {
        values[j] = row < count ? sigma(values[j]) : 0.0f;
        denominator += rounded<O>(values[j]) * norm[column + j];
      }
      store_floats(sigma_q.at(row, column), values);
      denominator = sum_over_lanes<KeyRows::lanes_per_row>(denominator);
      if (column == 0) reciprocal[row] = reciprocal_or_zero(denominator);
    });
    __syncthreads();
    fetch_queries(first + rows);
    {
      Product<O, rows, E, warps> product(warp);
      product.template add<D>(sigma_q, memory);
      product.store(retrieved.data, retrieved.stride);
    }
    __pipeline_wait_prior(1);
    __syncthreads();
    value_rows.for_each([&](int row) {
      const int column = value_rows.column();
      float gradient[ValueRows::width], other[ValueRows::width];
      load_floats(dout.at(row, column), gradient);
      if constexpr (ahead) {
        load_floats(local.at(row, column), other);
      } else {
        load_row(piece_rows->local + (first + row) * arguments.local.token + column, row < count, other);
      }
      float through_local = 0.0f, through_memory = 0.0f;
#pragma unroll
      for (int j = 0; j < ValueRows::width; ++j) through_local += gradient[j] * other[j];
      load_floats(retrieved.at(row, column), other);
#pragma unroll
      for (int j = 0; j < ValueRows::width; ++j) through_memory += gradient[j] * other[j];
      const float r = reciprocal[row];
      beta_sum += r * through_memory - through_local;
#pragma unroll
      for (int j = 0; j < ValueRows::width; ++j) other[j] = gate * r * gradient[j];
      store_floats(upstream.at(row, column), other);
#pragma unroll
      for (int j = 0; j < ValueRows::width; ++j) other[j] = (1.0f - gate) * gradient[j];
      if (row < count) store_floats(piece_rows->dlocal + (first + row) * arguments.dlocal.token + column, other);
      through_memory = sum_over_lanes<ValueRows::lanes_per_row>(through_memory);
      if (column == 0) weight[row] = gate * r * r * through_memory;
    });
    __syncthreads();
    {
      Product<O, rows, D, warps> product(warp);
      product.template add<E>(upstream, transposed(memory));
      product.store(dsigma.data, dsigma.stride);
    }
    dmemory.template add<rows>(transposed(sigma_q), upstream);
#pragma unroll 4
    for (int row = thread / D; row < rows; row += norm_parts) {
      norm_sum -= weight[row] * to_float(*sigma_q.at(row, thread % D));
    }
    __syncthreads();
    key_rows.for_each([&](int row) {
      if (row >= count) return;
      const int column = key_rows.column();
      float gradient[KeyRows::width], sigma_row[KeyRows::width];
      load_floats(dsigma.at(row, column), gradient);
      load_floats(sigma_q.at(row, column), sigma_row);
#pragma unroll
      for (int j = 0; j < KeyRows::width; ++j) {
        gradient[j] = (gradient[j] - weight[row] * norm[column + j]) * sigma_derivative(sigma_row[j]);
      }
      store_floats(piece_rows->dq + (first + row) * arguments.dq.token + column, gradient);
    });
    __syncthreads();
  }

  dmemory.store(arguments.dmemories + index * D * E, E);
  sums[thread] = norm_sum;
  __syncthreads();
  for (int i = thread; i < D; i += threads) {
    float sum = 0.0f;
#pragma unroll
    for (int part = 0; part < norm_parts; ++part) sum += sums[part * D + i];
    arguments.dnorms[index * D + i] = sum;
  }
  __syncthreads();
  beta_sum = sum_over_lanes<32>(beta_sum);
  if (thread % 32 == 0) sums[warp] = beta_sum;
  __syncthreads();
  if (thread == 0) {
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < warps; ++i) sum += sums[i];
    arguments.dbetas[index] = gate * (1.0f - gate) * sum;
  }
}

}  // namespace

template <typename T>
void launch_retrieve_backward(const RetrieveBackwardArguments<T>& arguments, cudaStream_t stream) {
  const Extents& x = arguments.extents;
  const int64_t blocks = x.batch * x.heads * x.segments() * pieces_per_segment(x);
  with_widths(x.key_width, x.value_width, [&](auto D, auto E) {
    constexpr size_t bytes = Shared<T, D(), E(), true>::bytes;
    if constexpr (bytes > least_shared_memory) {
      constexpr size_t fewer_bytes = Shared<T, D(), E(), false>::bytes;
      static_assert(fewer_bytes <= least_shared_memory);
      if (bytes > shared_memory_limit()) {
        INFINI_LAUNCH((retrieve_backward<T, D(), E(), false>), grid_of(blocks), dim3(threads), fewer_bytes, stream,
                      arguments);
        return;
      }
    }
    INFINI_LAUNCH((retrieve_backward<T, D(), E(), true>), grid_of(blocks), dim3(threads), bytes, stream, arguments);
  });
}

template void launch_retrieve_backward(const RetrieveBackwardArguments<float>&, cudaStream_t);
template void launch_retrieve_backward(const RetrieveBackwardArguments<__nv_bfloat16>&, cudaStream_t);
template void launch_retrieve_backward(const RetrieveBackwardArguments<__half>&, cudaStream_t);

}  // namespace infini::ops::cuda
