#pragma once

// The two operands of a matrix product. O is what they are made of: the arithmetic type, or bfloat16 where the machine
// multiplies it faster. Left operands are row-major. Right operands are row-major too, except for bfloat16, whose
// instructions want pairs of rows interleaved: panels of 64 columns, each [k/2][64][2]; columns are padded to 64 and
// rows to an even number, with zeros.

#include "ops/cpu/bfloat16_product.h"
#include "ops/cpu/matrix_product.h"
#include "ops/cpu/vector_math.h"

namespace infini::ops::cpu {
namespace {

constexpr int64_t panel_columns = 64;

/// Columns and rows of products and right operands, padded to what O asks.
template <typename O>
constexpr int64_t padded_columns(int64_t columns) {
  return std::is_same_v<O, BFloat16> ? (columns + panel_columns - 1) / panel_columns * panel_columns : columns;
}
template <typename O>
constexpr int64_t padded_rows(int64_t rows) {
  return std::is_same_v<O, BFloat16> ? (rows + 1) / 2 * 2 : rows;
}
template <typename O>
constexpr int64_t right_size(int64_t rows, int64_t columns) {
  return padded_rows<O>(rows) * padded_columns<O>(columns);
}

/// `buffer` itself where it holds O, else scratch memory of its own.
template <typename O, typename A>
inline O* same_or_new(Scratch& scratch, A* buffer, int64_t count) {
  if constexpr (std::is_same_v<O, A>) {
    return buffer;
  } else {
    return scratch.take<O>(count);
  }
}

/// A right operand: of float and double `stride` is a row's, of bfloat16 it is a panel's number of rows.
template <typename O>
struct Right {
  const O* data;
  int64_t stride;
};

/// The columns of a right operand from `column` on, a multiple of panel_columns.
template <typename O>
inline Right<O> columns_from(Right<O> operand, int64_t column) {
  return {operand.data + column * (std::is_same_v<O, BFloat16> ? operand.stride : 1), operand.stride};
}

/// The rows of a right operand from `row` on, an even number.
template <typename O>
inline Right<O> rows_from(Right<O> operand, int64_t row) {
  return {operand.data + row * (std::is_same_v<O, BFloat16> ? panel_columns : operand.stride), operand.stride};
}

/// Two bfloat16 of neighbouring rows, the first in the low half. It reads and writes buffers of bfloat16, which C++
/// allows to a type of another name only with this attribute.
struct __attribute__((may_alias)) Pair {
  uint32_t bits;
};

/// out [columns, rows] = in [rows, columns], in tiles that stay in the first cache.
template <typename O>
inline void transpose(O* out, int64_t out_stride, const O* in, int64_t in_stride, int64_t rows, int64_t columns) {
  constexpr int64_t tile = 16;
  for (int64_t r = 0; r < rows; r += tile) {
    const int64_t r_end = smaller(r + tile, rows);
    for (int64_t c = 0; c < columns; c += tile) {
      const int64_t c_end = smaller(c + tile, columns);
      for (int64_t j = c; j < c_end; ++j) {
        O* const to = out + j * out_stride;
        const O* const from = in + j;
        for (int64_t i = r; i < r_end; ++i) to[i] = from[i * in_stride];
      }
    }
  }
}

/// A left operand and the numbers of one of its rows.
template <typename O>
struct Left {
  const O* data;
  int64_t stride;
};

/// The transpose of rows [k, n] as a left operand [n, k]; `buffer` holds n rows of padded_rows(k).
template <typename O>
inline Left<O> make_left_transposed(const O* rows, int64_t stride, int64_t k, int64_t n, O* buffer) {
  const int64_t even = padded_rows<O>(k);
  transpose(buffer, even, rows, stride, k, n);
  for (int64_t i = 0; even > k && i < n; ++i) fill_zero(buffer + i * even + k, even - k);
  return {buffer, even};
}

/// rows [k, n] as a right operand; `buffer` holds right_size(k, n).
template <typename O>
inline Right<O> make_right(const O* rows, int64_t stride, int64_t k, int64_t n, O* buffer) {
  if constexpr (!std::is_same_v<O, BFloat16>) {
    return {rows, stride};
  } else {
    const int64_t even = padded_rows<O>(k);
    for (int64_t panel = 0; panel < n; panel += panel_columns) {
      const int64_t columns = smaller(panel_columns, n - panel);
      for (int64_t r = 0; r < even; r += 2) {
        Pair* const out = reinterpret_cast<Pair*>(buffer + panel * even + r * panel_columns);
        const BFloat16 *const first = rows + r * stride + panel, *const second = r + 1 < k ? first + stride : first;
        const uint32_t keep = r + 1 < k ? 0xffff0000u : 0u;
#pragma omp simd
        for (int64_t c = 0; c < columns; ++c) {
          out[c].bits = first[c].bits | ((static_cast<uint32_t>(second[c].bits) << 16) & keep);
        }
        for (int64_t c = columns; c < panel_columns; ++c) out[c].bits = 0;
      }
    }
    return {buffer, even};
  }
}

/// The transpose of rows [n, k] as a right operand [k, n]; k is even for bfloat16.
template <typename O>
inline Right<O> make_right_transposed(const O* rows, int64_t stride, int64_t n, int64_t k, O* buffer) {
  if constexpr (!std::is_same_v<O, BFloat16>) {
    transpose(buffer, n, rows, stride, n, k);
    return {buffer, n};
  } else {
    for (int64_t panel = 0; panel < n; panel += panel_columns) {
      const int64_t columns = smaller(panel_columns, n - panel);
      Pair* const out = reinterpret_cast<Pair*>(buffer + panel * k);
      transpose(out, panel_columns, reinterpret_cast<const Pair*>(rows + panel * stride), stride / 2, columns, k / 2);
      for (int64_t p = 0; columns < panel_columns && p < k / 2; ++p) {
        for (int64_t c = columns; c < panel_columns; ++c) out[p * panel_columns + c].bits = 0;
      }
    }
    return {buffer, k};
  }
}

using ::infini::ops::cpu::multiply;

/// Plain loops, for double: exactness matters there, not speed.
inline void multiply(int64_t m, int64_t n, int64_t k, const double* a, int64_t a_stride, const double* b,
                     int64_t b_stride, double* c, int64_t c_stride, bool accumulate) {
  for (int64_t i = 0; i < m; ++i) {
    double* const row = c + i * c_stride;
    if (!accumulate) fill_zero(row, n);
    for (int64_t p = 0; p < k; ++p) {
      const double factor = a[i * a_stride + p];
      const double* const other = b + p * b_stride;
#pragma omp simd
      for (int64_t j = 0; j < n; ++j) row[j] += factor * other[j];
    }
  }
}

/// C [m, n] (+)= A [m, k] · B [k, n]. For bfloat16, C has padded_columns(n) columns and k counts padded rows.
template <typename O, typename A>
inline void multiply(int64_t m, int64_t n, int64_t k, const O* a, int64_t a_stride, Right<O> b, A* c, int64_t c_stride,
                     bool accumulate) {
  if constexpr (std::is_same_v<O, BFloat16>) {
    for (int64_t panel = 0; panel < n; panel += panel_columns) {
      multiply_panel(m, padded_rows<O>(k), a, a_stride, b.data + panel * b.stride, c + panel, c_stride, accumulate);
    }
  } else {
    multiply(m, n, k, a, a_stride, b.data, b.stride, c, c_stride, accumulate);
  }
}

}  // namespace
}  // namespace infini::ops::cpu
