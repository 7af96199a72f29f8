// Chooses the copy of the kernels that this machine can run.

#include "ops/cpu/instruction_set.h"

namespace infini::ops::cpu {

#ifdef __x86_64__
#define INFINI_CHOOSE_KERNELS(name)                                                             \
  static const auto& chosen = __builtin_cpu_supports("x86-64-v4")   ? avx512::name##_kernels    \
                              : __builtin_cpu_supports("x86-64-v3") ? avx2::name##_kernels      \
                                                                    : baseline::name##_kernels; \
  return chosen
#else
#define INFINI_CHOOSE_KERNELS(name) return baseline::name##_kernels
#endif

template <>
const SegmentKernels<float>& segment_kernels<float>() {
  INFINI_CHOOSE_KERNELS(float);
}
template <>
const SegmentKernels<double>& segment_kernels<double>() {
  INFINI_CHOOSE_KERNELS(double);
}
template <>
const SegmentKernels<BFloat16>& segment_kernels<BFloat16>() {
  INFINI_CHOOSE_KERNELS(bfloat16);
}
template <>
const SegmentKernels<Half>& segment_kernels<Half>() {
  INFINI_CHOOSE_KERNELS(half);
}

template <>
const ShortConvolutionKernels<float>& short_convolution_kernels<float>() {
  INFINI_CHOOSE_KERNELS(float_convolution);
}
template <>
const ShortConvolutionKernels<double>& short_convolution_kernels<double>() {
  INFINI_CHOOSE_KERNELS(double_convolution);
}
template <>
const ShortConvolutionKernels<BFloat16>& short_convolution_kernels<BFloat16>() {
  INFINI_CHOOSE_KERNELS(bfloat16_convolution);
}
template <>
const ShortConvolutionKernels<Half>& short_convolution_kernels<Half>() {
  INFINI_CHOOSE_KERNELS(half_convolution);
}

}  // namespace infini::ops::cpu
