#pragma once

#include <cuda_runtime_api.h>

#include "ops/cuda/activations.h"

namespace infini::ops::cuda {

template <typename T>
struct RetrieveArguments {
  Extents extents;
  HeadRows<const T> q;              ///< [B,H,N,D], without position embedding
  HeadRows<const T> local;          ///< A_dot, [B,H,N,E]
  const float* beta = nullptr;      ///< [H]
  const float* memories = nullptr;  ///< M, [B,G,S,D,E], before each segment
  const float* norms = nullptr;     ///< z, [B,G,S,D], before each segment
  HeadRows<T> out;                  ///< [B,H,N,E]; may be `local`
};

/// out = sigmoid(β) σ(q)M/(σ(q)·z) + (1 − sigmoid(β)) A_dot; A_dot alone where z is all zero: the memory is empty
/// there. T: float, __nv_bfloat16, __half.
template <typename T>
void launch_retrieve(const RetrieveArguments<T>& arguments, cudaStream_t stream);

}  // namespace infini::ops::cuda
