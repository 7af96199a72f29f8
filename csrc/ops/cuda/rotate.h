#pragma once

#include <cuda_runtime_api.h>

#include "ops/cuda/extents.h"

namespace infini::ops::cuda {

template <typename T>
struct RotateArguments {
  Extents extents;
  Heads<const T> q, k;       ///< [B,H,N,D], [B,G,N,D]
  const float *cos, *sin;    ///< [L,D] contiguous
  Heads<T> q_rotated, k_rotated;  ///< like q and k
};

/// x·cos + (−x₂, x₁)·sin of q and k, at position t mod L of token t. T: float, __nv_bfloat16, __half.
template <typename T>
void launch_rotate(const RotateArguments<T>& arguments, cudaStream_t stream);

}  // namespace infini::ops::cuda
