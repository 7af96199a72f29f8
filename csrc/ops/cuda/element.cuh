#pragma once

// Elements: activations in T, arithmetic and state in float, operands of matrix products in Operand<T>.

#include "ops/cuda/launch.cuh"

namespace infini::ops::cuda {

/// What matrix products of activations T are made of. bfloat16 for half too: a memory is a sum over all tokens, which
/// half would overflow at 65504, and σ of a filler token is 1e-6, which half would round to a few bits.
template <typename T>
using Operand = std::conditional_t<std::is_same_v<T, float>, float, __nv_bfloat16>;

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ __forceinline__ float to_float(__half x) { return __half2float(x); }

template <typename T>
__device__ __forceinline__ T from_float(float x) {
  if constexpr (std::is_same_v<T, float>) {
    return x;
  } else if constexpr (std::is_same_v<T, __half>) {
    return __float2half(x);
  } else {
    return __float2bfloat16(x);
  }
}

/// x as a matrix product of O sees it.
template <typename O>
__device__ __forceinline__ float rounded(float x) {
  return to_float(from_float<O>(x));
}

/// Elements that are loaded and stored at once.
template <typename T, int Size = 16 / static_cast<int>(sizeof(T))>
struct alignas(Size * sizeof(T)) Vector {
  static constexpr int size = Size;
  T values[Size];
};

template <typename T, int Size = 16 / static_cast<int>(sizeof(T))>
__device__ __forceinline__ Vector<T, Size> load_vector(const T* from) {
  return *reinterpret_cast<const Vector<T, Size>*>(from);
}

template <typename T, int Size>
__device__ __forceinline__ void store_vector(T* to, const Vector<T, Size>& vector) {
  *reinterpret_cast<Vector<T, Size>*>(to) = vector;
}

/// Loads and converts Size elements; at most 16 bytes at once.
template <int Size, typename T>
__device__ __forceinline__ void load_floats(const T* from, float (&out)[Size]) {
  constexpr int step = Vector<T>::size < Size ? Vector<T>::size : Size;
#pragma unroll
  for (int i = 0; i < Size; i += step) {
    const auto vector = load_vector<T, step>(from + i);
#pragma unroll
    for (int j = 0; j < step; ++j) out[i + j] = to_float(vector.values[j]);
  }
}

/// Converts and stores Size elements; at most 16 bytes at once.
template <int Size, typename T>
__device__ __forceinline__ void store_floats(T* to, const float (&in)[Size]) {
  constexpr int step = Vector<T>::size < Size ? Vector<T>::size : Size;
#pragma unroll
  for (int i = 0; i < Size; i += step) {
    Vector<T, step> vector;
#pragma unroll
    for (int j = 0; j < step; ++j) vector.values[j] = from_float<T>(in[i + j]);
    store_vector(to + i, vector);
  }
}

/// σ(x) = x + 1 for x > 0, exp(x) otherwise; never ELU(x) + 1, which cancels.
__device__ __forceinline__ float sigma(float x) { return x > 0.0f ? x + 1.0f : expf(x); }

/// The derivative of σ from its value: 1 above 1, else the value itself.
__device__ __forceinline__ float sigma_derivative(float sigma_of_x) { return sigma_of_x > 1.0f ? 1.0f : sigma_of_x; }

__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

/// 0 for what single precision cannot invert: an empty memory's denominator, or one that has all but vanished.
__device__ __forceinline__ float reciprocal_or_zero(float x) { return x > 1e-30f ? 1.0f / x : 0.0f; }

/// The sum over groups of Lanes neighbouring lanes, in each of them. All lanes of the warp take part.
template <int Lanes>
__device__ __forceinline__ float sum_over_lanes(float x) {
#pragma unroll
  for (int offset = Lanes / 2; offset > 0; offset /= 2) x += __shfl_xor_sync(0xffffffffu, x, offset);
  return x;
}

/// Whether any of `width` floats is not zero, the same answer in all lanes. All lanes of the warp take part.
__device__ __forceinline__ bool any_nonzero(const float* values, int width) {
  bool any = false;
  for (int i = static_cast<int>(threadIdx.x) % 32; i < width; i += 32) any |= values[i] != 0.0f;
  return __any_sync(0xffffffffu, any);
}

}  // namespace infini::ops::cuda
