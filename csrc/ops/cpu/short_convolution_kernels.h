#pragma once

#include <cstdint>

#include "ops/cpu/segment_kernels.h"

/// What one thread does for a run of tokens of the short convolution, on raw pointers. Rows of C channels are
/// contiguous, and each has a pointer of its own: so a run may begin with rows that lie elsewhere, or are all zero.
/// Compiled for several instruction sets; `short_convolution_kernels()` chooses. T and A as for the segment kernels.
namespace infini::ops::cpu {

/// out_t = Σ_i taps_i · rows_{t+i},  i = 0 … w−1
template <typename T, typename A = Arithmetic<T>>
struct Convolve {
  int64_t tokens = 0, channels = 0, width = 0;  ///< width: w, from 2 to 8
  const T* const* rows = nullptr;               ///< [tokens + w − 1]
  const A* taps = nullptr;                      ///< [w, C]
  T* const* out = nullptr;                      ///< [tokens]
};

/// dtaps_i += Σ_t dout_t · rows_{t+i}
template <typename T, typename A = Arithmetic<T>>
struct AddTapGradients {
  int64_t tokens = 0, channels = 0, width = 0;
  const T* const* rows = nullptr;  ///< [tokens + w − 1]
  const T* const* dout = nullptr;  ///< [tokens]
  A* dtaps = nullptr;              ///< [w, C]
};

template <typename T>
struct ShortConvolutionKernels {
  void (*convolve)(const Convolve<T>&);
  void (*add_tap_gradients)(const AddTapGradients<T>&);
};

/// The kernels for this machine's instruction set.
template <typename T>
const ShortConvolutionKernels<T>& short_convolution_kernels();

}  // namespace infini::ops::cpu
