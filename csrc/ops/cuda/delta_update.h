#pragma once

#include <cuda_runtime_api.h>

#include "ops/cuda/activations.h"

namespace infini::ops::cuda {

template <typename T>
struct WrittenNormArguments {
  Extents extents;
  HeadRows<const T> k;          ///< [B,G,N,D]
  const float* gain = nullptr;  ///< c, [B,S]; nullptr: 1
  float* norms = nullptr;       ///< [B,G,S,D]: of each full segment, what it writes
};

/// c Σσ(k) of each full segment → norms. The delta rule needs the norm before each segment, which `launch_state_scan`
/// makes of these, before it can write. T: float, __nv_bfloat16, __half.
template <typename T>
void launch_written_norm(const WrittenNormArguments<T>& arguments, cudaStream_t stream);

template <typename T>
struct DeltaUpdateArguments {
  Extents extents;
  HeadRows<const T> k, v;        ///< [B,G,N,D], [B,G,N,E]
  const float* gain = nullptr;   ///< c, [B,S]; nullptr: 1
  const float* norms = nullptr;  ///< z, [B,G,S,D], before each segment
  float* memories = nullptr;     ///< [B,G,S,D,E]: of each full segment, what it writes
  float* transitions = nullptr;  ///< [B,G,F,D,D]: of each full segment, what it takes away
};

/// Each full segment by the delta rule, as the map M ← M + written − transition · M:
///
///   written = c σ(K)ᵀV → memories        transition = c σ(K)ᵀ diag(1/(σ(K)·z)) σ(K) → transitions
///
/// Where σ(k)·z vanishes nothing is taken away. T: float, __nv_bfloat16, __half.
template <typename T>
void launch_delta_update(const DeltaUpdateArguments<T>& arguments, cudaStream_t stream);

}  // namespace infini::ops::cuda
