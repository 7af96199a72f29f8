#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace infini::ops::cuda {

struct ConvolutionExtents {
  int64_t batch = 0;           ///< B
  int64_t tokens = 0;          ///< N
  int64_t channels = 0;        ///< C, a multiple of 4
  int64_t width = 0;           ///< w, from 2 to 8
  int64_t segment_length = 0;  ///< L

  constexpr int64_t segments() const { return (tokens - 1) / segment_length + 1; }
};

/// The tokens whose share of the taps' gradient one block adds up.
constexpr int64_t convolution_piece = 128;

/// P: the pieces of a row.
constexpr int64_t convolution_pieces(const ConvolutionExtents& x) { return (x.tokens - 1) / convolution_piece + 1; }

/// Contiguous tensors. Those of T begin at multiples of 8 bytes, or of 16 for float.
template <typename T>
struct ShortConvolutionArguments {
  ConvolutionExtents extents;
  const T *x = nullptr, *before = nullptr;  ///< [B,N,C], [B,w−1,C]
  const float* taps = nullptr;              ///< [w,C]
  const bool* starts = nullptr;             ///< [B,S]; nullptr: no segment begins a document
  T* y = nullptr;                           ///< [B,N,C]
};

/// y_t = Σ_i taps_i z_{t−(w−1)+i} over the tokens of t's own document. T: float, __nv_bfloat16, __half.
template <typename T>
void launch_short_convolution(const ShortConvolutionArguments<T>& arguments, cudaStream_t stream);

template <typename T>
struct ShortConvolutionBackwardArguments {
  ConvolutionExtents extents;
  const T *dy = nullptr, *x = nullptr, *before = nullptr;
  const float* taps = nullptr;
  const bool* starts = nullptr;
  T *dx = nullptr, *dbefore = nullptr;  ///< like x and before; both nullptr: not needed
  float* dtaps = nullptr;               ///< [B,P,w,C]: the share of each piece; nullptr: not needed
};

/// The gradient of `launch_short_convolution`. T: float, __nv_bfloat16, __half.
template <typename T>
void launch_short_convolution_backward(const ShortConvolutionBackwardArguments<T>& arguments, cudaStream_t stream);

}  // namespace infini::ops::cuda
