#pragma once

#include <cstdint>

#include "ops/cpu/segment_kernels.h"

// Bfloat16 operands and their products, in the instructions for them.
namespace infini::ops::cpu {

/// Whether this machine multiplies bfloat16 matrices faster than float ones (AVX-512 BF16, or AMX on top of it).
bool has_bfloat16_product();

/// Rounds to the nearest, ties to even; subnormal numbers become 0. Only where has_bfloat16_product(), as everything
/// below.
void convert(BFloat16* out, const float* in, int64_t count);

/// C [m, 64] (+)= A [m, k] · B, where B is one panel [k/2][64][2] of pairs of rows and k is even; float sums.
void multiply_panel(int64_t m, int64_t k, const BFloat16* a, int64_t a_stride, const BFloat16* b, float* c,
                    int64_t c_stride, bool accumulate);

/// Lives in a thread as long as it calls multiply_panel. Behind it the thread's AMX tiles are left to others, such as
/// oneDNN's matrix products, and the next multiply_panel lays them out anew instead of trusting what it finds.
class MatrixUnit {
 public:
  MatrixUnit() = default;
  ~MatrixUnit();
  MatrixUnit(const MatrixUnit&) = delete;
  MatrixUnit& operator=(const MatrixUnit&) = delete;
};

}  // namespace infini::ops::cpu
