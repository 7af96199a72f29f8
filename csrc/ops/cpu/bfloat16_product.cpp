// Panels of 64 columns: on AMX through oneDNN; on AVX-512 BF16 alone, which oneDNN's small-matrix interface does not
// serve, by six rows at a time against four registers of column pairs, 24 sums in registers.

#include "ops/cpu/bfloat16_product.h"

#include <ATen/native/CPUBlas.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace infini::ops::cpu {

#ifdef __x86_64__
namespace {

__attribute__((target("avx512f,avx512bf16"))) inline __m512bh as_pairs(__m512i bits) {
  return reinterpret_cast<__m512bh>(bits);
}

template <int rows>
__attribute__((target("avx512f,avx512bf16"))) void multiply_rows(int64_t k, const BFloat16* a, int64_t a_stride,
                                                                 const BFloat16* b, float* c, int64_t c_stride,
                                                                 bool accumulate) {
  __m512 sums[rows][4];
  for (int r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < 4; ++j) {
      sums[r][j] = accumulate ? _mm512_loadu_ps(c + r * c_stride + 16 * j) : _mm512_setzero_ps();
    }
  }
  for (int64_t p = 0; p < k; p += 2) {
    __m512bh columns[4];
    for (int64_t j = 0; j < 4; ++j) columns[j] = as_pairs(_mm512_loadu_si512(b + p * 64 + 32 * j));
    for (int r = 0; r < rows; ++r) {
      int32_t pair;
      __builtin_memcpy(&pair, a + r * a_stride + p, sizeof pair);
      const __m512bh factor = as_pairs(_mm512_set1_epi32(pair));
      for (int64_t j = 0; j < 4; ++j) sums[r][j] = _mm512_dpbf16_ps(sums[r][j], factor, columns[j]);
    }
  }
  for (int r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < 4; ++j) _mm512_storeu_ps(c + r * c_stride + 16 * j, sums[r][j]);
  }
}

void multiply_with_avx512(int64_t m, int64_t k, const BFloat16* a, int64_t a_stride, const BFloat16* b, float* c,
                          int64_t c_stride, bool accumulate) {
  int64_t row = 0;
  for (; row + 6 <= m; row += 6)
    multiply_rows<6>(k, a + row * a_stride, a_stride, b, c + row * c_stride, c_stride, accumulate);
  a += row * a_stride;
  c += row * c_stride;
  switch (m - row) {
    case 5:
      return multiply_rows<5>(k, a, a_stride, b, c, c_stride, accumulate);
    case 4:
      return multiply_rows<4>(k, a, a_stride, b, c, c_stride, accumulate);
    case 3:
      return multiply_rows<3>(k, a, a_stride, b, c, c_stride, accumulate);
    case 2:
      return multiply_rows<2>(k, a, a_stride, b, c, c_stride, accumulate);
    case 1:
      return multiply_rows<1>(k, a, a_stride, b, c, c_stride, accumulate);
    default:
      return;
  }
}

/// Whether oneDNN multiplies on AMX's tiles.
bool has_matrix_unit() {
  static const bool has = at::native::cpublas::could_pack(at::kBFloat16);
  return has;
}

}  // namespace

bool has_bfloat16_product() { return __builtin_cpu_supports("x86-64-v4") && __builtin_cpu_supports("avx512bf16"); }

__attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"))) void convert(BFloat16* out, const float* in,
                                                                             int64_t count) {
  int64_t i = 0;
  for (; i + 32 <= count; i += 32) {
    const __m512bh both = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(in + i + 16), _mm512_loadu_ps(in + i));
    _mm512_storeu_si512(out + i, reinterpret_cast<__m512i>(both));
  }
  for (; i < count; i += 16) {
    const auto valid = static_cast<__mmask16>(count - i < 16 ? (1u << (count - i)) - 1 : 0xffffu);
    const __m256bh half = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(valid, in + i));
    _mm256_mask_storeu_epi16(out + i, valid, reinterpret_cast<__m256i>(half));
  }
}

void multiply_panel(int64_t m, int64_t k, const BFloat16* a, int64_t a_stride, const BFloat16* b, float* c,
                    int64_t c_stride, bool accumulate) {
  if (!has_matrix_unit()) return multiply_with_avx512(m, k, a, a_stride, b, c, c_stride, accumulate);
  at::native::cpublas::brgemm(m, 64, k, a_stride, 64, c_stride, accumulate, reinterpret_cast<const at::BFloat16*>(a),
                              reinterpret_cast<const at::BFloat16*>(b), c, true);
}

MatrixUnit::~MatrixUnit() {
  if (has_matrix_unit()) at::native::cpublas::brgemm_release(true);
}

#else

bool has_bfloat16_product() { return false; }
void convert(BFloat16*, const float*, int64_t) {}
void multiply_panel(int64_t, int64_t, const BFloat16*, int64_t, const BFloat16*, float*, int64_t, bool) {}
MatrixUnit::~MatrixUnit() = default;

#endif

}  // namespace infini::ops::cpu
