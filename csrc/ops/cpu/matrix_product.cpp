#include "ops/cpu/matrix_product.h"

#include <ATen/native/CPUBlas.h>

namespace infini::ops::cpu {

void multiply(int64_t m, int64_t n, int64_t k, const float* a, int64_t a_stride, const float* b, int64_t b_stride,
              float* c, int64_t c_stride, bool accumulate) {
  at::native::cpublas::brgemm(m, n, k, a_stride, b_stride, c_stride, accumulate, a, b, c, false);
}

}  // namespace infini::ops::cpu
