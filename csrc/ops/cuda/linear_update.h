#pragma once

#include <cuda_runtime_api.h>

#include "ops/cuda/activations.h"

namespace infini::ops::cuda {

template <typename T>
struct LinearUpdateArguments {
  Extents extents;
  HeadRows<const T> k, v;       ///< [B,G,N,D], [B,G,N,E]
  const float* gain = nullptr;  ///< c, [B,S]; nullptr: 1
  float* memories = nullptr;    ///< [B,G,S,D,E]: of each full segment, what it writes
  float* norms = nullptr;       ///< [B,G,S,D]: likewise
};

/// What each full segment writes by the linear rule: c σ(K)ᵀV → memories and c Σσ(k) → norms, each at the place of its
/// segment, where `launch_state_scan` turns it into the state before that segment. T: float, __nv_bfloat16, __half.
template <typename T>
void launch_linear_update(const LinearUpdateArguments<T>& arguments, cudaStream_t stream);

}  // namespace infini::ops::cuda
