#pragma once

#include <cuda_runtime_api.h>

#include "ops/cuda/activations.h"

namespace infini::ops::cuda {

template <typename T>
struct RotateArguments {
  Extents extents;
  HeadRows<const T> q, k;            ///< [B,H,N,D], [B,G,N,D]
  const float *cos, *sin;            ///< [L,D] contiguous
  HeadRows<T> q_rotated, k_rotated;  ///< like q and k
};

/// x·cos + (−x₂, x₁)·sin of q and k, at position t mod L of token t. T: float, __nv_bfloat16, __half.
template <typename T>
void launch_rotate(const RotateArguments<T>& arguments, cudaStream_t stream);

template <typename T>
struct RotateBackwardArguments {
  Extents extents;
  HeadRows<const T> dq_rotated, dk_rotated;  ///< [B,H,N,D], [B,G,N,D]
  const float *cos, *sin;                    ///< [L,D] contiguous
  HeadRows<T> dq, dk;                        ///< like dq_rotated and dk_rotated: what comes through rotation is added
};

/// The gradient of `launch_rotate`, added to what q and k have already: dx += (dx₁·cos₁ + dx₂·sin₂, dx₂·cos₂ −
/// dx₁·sin₁). T: float, __nv_bfloat16, __half.
template <typename T>
void launch_rotate_backward(const RotateBackwardArguments<T>& arguments, cudaStream_t stream);

}  // namespace infini::ops::cuda
