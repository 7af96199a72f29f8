#pragma once

#include <cuda_runtime_api.h>

#include "ops/cuda/pieces.h"

namespace infini::ops::cuda {

template <typename T>
struct UpdateBackwardArguments {
  Extents extents;
  HeadRows<const T> k, v;                  ///< [B,G,N,D], [B,G,N,E]
  const float* gain = nullptr;             ///< c, [B,S]; nullptr: 1
  const float* dmemories_after = nullptr;  ///< dM, [B,G,F,D,E], after each full segment
  const float* dnorms_after = nullptr;     ///< dz, [B,G,F,D], after each full segment
  const float* norms = nullptr;            ///< z, [B,G,S,D], before each segment; with couplings
  const float* couplings = nullptr;        ///< C, [B,G,F,D,D]; nullptr: the linear rule
  const float* weights = nullptr;          ///< ½ σ(k)ᵀ C σ(k) / (σ(k)·z)², [B,G,F·L]; with couplings
  HeadRows<const T> dv_local;              ///< [B,G,N,E], the gradient of v through local attention
  HeadRows<T> dk;                          ///< [B,G,N,D]: through the memory only
  HeadRows<T> dv;                          ///< [B,G,N,E]: the sum of both; may be `dv_local`
};

/// The gradient of what full segments write, by either rule. With r = 1/(σ(k)·z):
///
///   dv = dv_local + c σ(k)ᵀ dM
///   dk = σ′(k) (c (dM v + dz) − r C σ(k) + ½ r² (σ(k)ᵀ C σ(k)) z)        the last two for delta
///
/// Tokens of a partial last segment are not touched: they write nothing. T: float, __nv_bfloat16, __half.
template <typename T>
void launch_update_backward(const UpdateBackwardArguments<T>& arguments, cudaStream_t stream);

/// Whether a block may have the shared memory that this takes on the current device. The delta rule in float with keys
/// of 128 holds two matrices of float, which is more than compute capability 8.6, 8.9 and 12.0 give.
template <typename T>
bool update_backward_fits(const Extents& extents, bool delta);

}  // namespace infini::ops::cuda
