#pragma once

#include <cstdint>

/// Matrix products of one thread on row-major matrices: C [m,n] (+)= A [m,k] · B [k,n].
namespace infini::ops::cpu {

/// oneDNN's small-matrix kernels, which reach the core's peak from 64 rows on.
void multiply(int64_t m, int64_t n, int64_t k, const float* a, int64_t a_stride, const float* b, int64_t b_stride,
              float* c, int64_t c_stride, bool accumulate);

}  // namespace infini::ops::cpu
