// Chooses the copy of the segment kernels that this machine can run.

#include "ops/cpu/segment_kernels.h"

namespace infini::ops::cpu {

#define INFINI_DECLARE_KERNELS(set)                       \
  namespace set {                                         \
  extern const SegmentKernels<float> float_kernels;       \
  extern const SegmentKernels<double> double_kernels;     \
  extern const SegmentKernels<BFloat16> bfloat16_kernels; \
  extern const SegmentKernels<Half> half_kernels;         \
  }
INFINI_DECLARE_KERNELS(baseline)
#ifdef __x86_64__
INFINI_DECLARE_KERNELS(avx2)
INFINI_DECLARE_KERNELS(avx512)
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

}  // namespace infini::ops::cpu
