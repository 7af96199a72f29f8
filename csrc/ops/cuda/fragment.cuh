#pragma once

// Fragments of bfloat16 from shared memory, by one ldmatrix each. load_matrix_sync does not know that memory is shared:
// nvcc makes four loads by generic addresses of it, and for a transpose as many moves between lanes.

#include "ops/cuda/launch.cuh"

namespace infini::ops::cuda {

#ifdef INFINI_HOST_CUDA

template <typename Fragment>
__device__ __forceinline__ void load_fragment(Fragment& fragment, const __nv_bfloat16* from, unsigned stride) {
  nvcuda::wmma::load_matrix_sync(fragment, from, stride);
}

#else

/// The 16 x 16 matrix at `from`, in shared memory at a multiple of 32 bytes; the stride is a multiple of 8 elements.
#define INFINI_LOAD_FRAGMENT(use, layout, instruction)                                                      \
  __device__ __forceinline__ void load_fragment(                                                            \
      nvcuda::wmma::fragment<nvcuda::wmma::use, 16, 16, 16, __nv_bfloat16, nvcuda::wmma::layout>& fragment, \
      const __nv_bfloat16* from, unsigned stride) {                                                         \
    unsigned* const pairs = reinterpret_cast<unsigned*>(fragment.x);                                        \
    asm volatile("wmma.load." instruction ".m16n16k16.shared.bf16 {%0, %1, %2, %3}, [%4], %5;"              \
                 : "=r"(pairs[0]), "=r"(pairs[1]), "=r"(pairs[2]), "=r"(pairs[3])                           \
                 : "r"(static_cast<unsigned>(__cvta_generic_to_shared(from))), "r"(stride)                  \
                 : "memory");                                                                               \
  }
INFINI_LOAD_FRAGMENT(matrix_a, row_major, "a.sync.aligned.row")
INFINI_LOAD_FRAGMENT(matrix_a, col_major, "a.sync.aligned.col")
INFINI_LOAD_FRAGMENT(matrix_b, row_major, "b.sync.aligned.row")
INFINI_LOAD_FRAGMENT(matrix_b, col_major, "b.sync.aligned.col")
#undef INFINI_LOAD_FRAGMENT

#endif

}  // namespace infini::ops::cuda
