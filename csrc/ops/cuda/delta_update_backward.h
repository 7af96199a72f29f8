#pragma once

#include <cuda_runtime_api.h>

#include "ops/cuda/pieces.h"

namespace infini::ops::cuda {

struct DeltaCouplingArguments {
  Extents extents;
  const float* gain = nullptr;             ///< c, [B,S]; nullptr: 1
  const float* memories = nullptr;         ///< M, [B,G,S,D,E], before each segment
  const float* dmemories_after = nullptr;  ///< dM, [B,G,F,D,E], after each full segment
  float* couplings = nullptr;              ///< C, [B,G,F,D,D], symmetric
};

/// C = c (dM Mᵀ + M dMᵀ): through it the delta rule's gradient depends on σ(k). T, the activations' type, decides what
/// the product is made of: float, __nv_bfloat16, __half.
template <typename T>
void launch_delta_coupling(const DeltaCouplingArguments& arguments, cudaStream_t stream);

template <typename T>
struct DeltaNormBackwardArguments {
  Extents extents;
  HeadRows<const T> k;               ///< [B,G,N,D]
  const float* norms = nullptr;      ///< z, [B,G,S,D], before each segment
  const float* couplings = nullptr;  ///< C, [B,G,F,D,D]
  float* dnorms = nullptr;           ///< [B,G,F,P,D]: what each piece of each full segment sends to z
  float* weights = nullptr;  ///< [B,G,F·L]: ½ σ(k)ᵀ C σ(k) / (σ(k)·z)² of each token, for `launch_update_backward`
};

/// dz = Σ ½ σ(k)ᵀ C σ(k) / (σ(k)·z)² σ(k), through the delta rule's denominators. T: float, __nv_bfloat16, __half.
template <typename T>
void launch_delta_norm_backward(const DeltaNormBackwardArguments<T>& arguments, cudaStream_t stream);

}  // namespace infini::ops::cuda
