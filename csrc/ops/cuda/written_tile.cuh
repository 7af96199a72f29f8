#pragma once

// A tile of what a segment writes, c σ(K)ᵀV: shared by the linear and the delta update.

#include "ops/cuda/tile.cuh"

namespace infini::ops::cuda {

/// 64 rows and 64 columns of c σ(K)ᵀV, summed over all tokens of a segment by one block of 128 threads. The tokens pass
/// through shared memory a few at a time; the next ones are fetched while the tensor cores work on those.
template <typename T>
class WrittenTile {
  using O = Operand<T>;
  using Rows = Tile<O, 64>;
  static constexpr int tokens_at_once = std::is_same_v<T, float> ? 32 : 64;
  using Staged = StagedRows<T, tokens_at_once, 64, 128>;

 public:
  static constexpr int side = 64;
  static constexpr int threads = 128;
  static constexpr size_t shared_bytes = 2 * Rows::bytes(tokens_at_once);
  static_assert(Staged::step * side * sizeof(float) <= shared_bytes);

  /// `shared`: shared_bytes of shared memory, aligned to 32 bytes.
  __device__ __forceinline__ explicit WrittenTile(unsigned char* shared)
      : thread_(static_cast<int>(threadIdx.x)),
        keys_{reinterpret_cast<O*>(shared)},
        values_{reinterpret_cast<O*>(shared) + Rows::size(tokens_at_once)},
        product_(thread_ / 32),
        key_sums_{} {}

  /// k and v point at the first token's first column of the tile; strides in elements.
  __device__ __forceinline__ void sum(const T* k, int64_t k_stride, const T* v, int64_t v_stride, int64_t tokens) {
    Staged keys(thread_), values(thread_);
    keys.fetch(k, k_stride, at_once(tokens));
    values.fetch(v, v_stride, at_once(tokens));
    for (int64_t first = 0; first < tokens; first += tokens_at_once) {
      const int count = at_once(tokens - first);
      keys.place(keys_, count, [&](float(&row)[Staged::width], int index) {
        Sigma()(row, index);
#pragma unroll
        for (int j = 0; j < Staged::width; ++j) key_sums_[j] += index < count ? row[j] : 0.0f;
      });
      values.place(values_, count, Unchanged());
      __syncthreads();
      const int64_t next = first + tokens_at_once;
      if (next < tokens) {
        keys.fetch(k + next * k_stride, k_stride, at_once(tokens - next));
        values.fetch(v + next * v_stride, v_stride, at_once(tokens - next));
      }
      product_.template add<tokens_at_once>(transposed(keys_), values_);
      __syncthreads();
    }
  }

  /// c σ(K)ᵀV → out, in global memory.
  __device__ __forceinline__ void store(float* out, int stride, float gain) {
    product_.scale(gain);
    product_.store(out, stride);
  }

  /// c Σσ(k) of the tile's 64 columns of K → out. Sums over the tokens in an order that does not change, in float, of
  /// σ(k) before it was rounded to the product's operands. All threads of the block take part.
  __device__ __forceinline__ void store_norm(float* out, float gain) const {
    const Staged place(thread_);
    float* const sums = reinterpret_cast<float*>(keys_.data);
    store_floats(sums + place.first_row() * side + place.column(), key_sums_);
    __syncthreads();
    if (thread_ >= side) return;
    float sum = 0.0f;
    for (int row = 0; row < Staged::step; ++row) sum += sums[row * side + thread_];
    out[thread_] = gain * sum;
  }

 private:
  static __device__ __forceinline__ int at_once(int64_t tokens) {
    return static_cast<int>(tokens < tokens_at_once ? tokens : tokens_at_once);
  }

  int thread_;
  Rows keys_, values_;
  Product<O, side, side, threads / 32> product_;
  float key_sums_[Staged::width];
};

}  // namespace infini::ops::cuda
