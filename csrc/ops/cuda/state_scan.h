#pragma once

#include <cuda_runtime_api.h>

#include "ops/cuda/activations.h"

namespace infini::ops::cuda {

/// States of which some may be left out: all pointers to memories nullptr, or all to norms.
struct StateScanArguments {
  Extents extents;
  const bool* starts = nullptr;        ///< [B,S]; nullptr: no segment starts a document
  const float* transitions = nullptr;  ///< [B,G,F,D,D]; nullptr: the linear rule
  float* memories = nullptr;         ///< [B,G,S,D,E]: what each full segment writes → the memory before each segment
  const float* memory_in = nullptr;  ///< [B,G,D,E], before the first segment
  float* memory_out = nullptr;       ///< [B,G,D,E], after the last; may be memory_in
  float* norms = nullptr;            ///< [B,G,S,D]: what each full segment writes → the norm before each segment
  const float* norm_in = nullptr;    ///< [B,G,D]
  float* norm_out = nullptr;         ///< [B,G,D]; may be norm_in
};

/// The states before each segment, one segment after the other:
///
///   M ← 0, z ← 0 at a start        M ← M + written − transition · M        z ← z + written
void launch_state_scan(const StateScanArguments& arguments, cudaStream_t stream);

}  // namespace infini::ops::cuda
