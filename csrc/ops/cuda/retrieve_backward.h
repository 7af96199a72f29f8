#pragma once

#include <cuda_runtime_api.h>

#include "ops/cuda/pieces.h"

namespace infini::ops::cuda {

template <typename T>
struct RetrieveBackwardArguments {
  Extents extents;
  HeadRows<const T> q;              ///< [B,H,N,D], without position embedding
  HeadRows<const T> local;          ///< A_dot, [B,H,N,E]
  HeadRows<const T> dout;           ///< [B,H,N,E]
  const float* beta = nullptr;      ///< [H]
  const float* memories = nullptr;  ///< M, [B,G,S,D,E], before each segment
  const float* norms = nullptr;     ///< z, [B,G,S,D], before each segment
  HeadRows<T> dq;                   ///< [B,H,N,D]: through the memory only
  HeadRows<T> dlocal;               ///< [B,H,N,E], the gradient of A_dot
  float* dmemories = nullptr;       ///< [B,H,S,P,D,E]: what each piece of each head sends to M
  float* dnorms = nullptr;          ///< [B,H,S,P,D]: likewise to z
  float* dbetas = nullptr;          ///< [B,H,S,P]: likewise to β
};

/// The gradient of `launch_retrieve`. With r = 1/(σ(q)·z), u = sigmoid(β) r dout and p = u·A_mem:
///
///   dq = σ′(q) (M u − p z)      dM = σ(q)ᵀ u      dz = −p σ(q)      dA_dot = (1 − sigmoid(β)) dout
///   dβ = sigmoid′(β) Σ dout·(A_mem − A_dot)
///
/// Where the memory is empty dA_dot = dout and all else is 0. T: float, __nv_bfloat16, __half.
template <typename T>
void launch_retrieve_backward(const RetrieveBackwardArguments<T>& arguments, cudaStream_t stream);

}  // namespace infini::ops::cuda
