#pragma once

#include "ops/cpu/segment_kernels.h"
#include "ops/cpu/short_convolution_kernels.h"

/// The copies of the kernels, one for each instruction set that they are compiled for.
namespace infini::ops::cpu {

#define INFINI_DECLARE_KERNELS(set)                                            \
  namespace set {                                                              \
  extern const SegmentKernels<float> float_kernels;                            \
  extern const SegmentKernels<double> double_kernels;                          \
  extern const SegmentKernels<BFloat16> bfloat16_kernels;                      \
  extern const SegmentKernels<Half> half_kernels;                              \
  extern const ShortConvolutionKernels<float> float_convolution_kernels;       \
  extern const ShortConvolutionKernels<double> double_convolution_kernels;     \
  extern const ShortConvolutionKernels<BFloat16> bfloat16_convolution_kernels; \
  extern const ShortConvolutionKernels<Half> half_convolution_kernels;         \
  }

INFINI_DECLARE_KERNELS(baseline)
#ifdef __x86_64__
INFINI_DECLARE_KERNELS(avx2)
INFINI_DECLARE_KERNELS(avx512)
#endif

#undef INFINI_DECLARE_KERNELS

}  // namespace infini::ops::cpu
