#pragma once

#include <cuda_runtime_api.h>

#include "ops/cuda/pieces.h"

namespace infini::ops::cuda {

/// The gradients of states of which some may be left out: the memory's where dmemory_in is nullptr, the norm's where
/// dnorm_in is.
struct StateScanBackwardArguments {
  Extents extents;
  const bool* starts = nullptr;            ///< [B,S]; nullptr: no segment starts a document
  const float* transitions = nullptr;      ///< [B,G,F,D,D]; nullptr: the linear rule
  const float* dmemories = nullptr;        ///< [B,H,S,P,D,E], of retrieval; nullptr: nothing was read
  const float* dmemory_out = nullptr;      ///< [B,G,D,E], of the memory after the last segment; nullptr: 0
  float* dmemories_after = nullptr;        ///< [B,G,F,D,E], of the memory after each full segment
  float* dmemory_in = nullptr;             ///< [B,G,D,E], of the memory before the first; may be dmemory_out
  const float* dnorms = nullptr;           ///< [B,H,S,P,D], of retrieval; nullptr: nothing was read
  const float* dnorms_of_delta = nullptr;  ///< [B,G,F,P,D], of the delta rule's denominators; nullptr: the linear rule
  const float* dnorm_out = nullptr;        ///< [B,G,D]; nullptr: 0
  float* dnorms_after = nullptr;           ///< [B,G,F,D]
  float* dnorm_in = nullptr;               ///< [B,G,D]; may be dnorm_out
};

/// The gradient of `launch_state_scan`, last segment to first:
///
///   dM ← dM − transitionᵀ dM + Σ dmemories        dz ← dz + Σ dnorms_of_delta + Σ dnorms        both ← 0 at a start
///
/// The sums go over pieces and over the heads that share the memory, always in the same order.
void launch_state_scan_backward(const StateScanBackwardArguments& arguments, cudaStream_t stream);

}  // namespace infini::ops::cuda
