#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "host_cuda/device_buffer.h"
#include "host_cuda/test/matrix_kernels.h"

namespace host_cuda {
namespace {

template <typename T>
T element(float x) {
  if constexpr (std::is_same_v<T, __half>) return __float2half(x);
  if constexpr (std::is_same_v<T, __nv_bfloat16>) return __float2bfloat16(x);
  if constexpr (std::is_same_v<T, float>) return x;
}

/// Whole numbers so small that every dtype holds them, their products and their sums.
std::vector<float> whole_numbers(int count, std::mt19937& random) {
  std::vector<float> numbers(static_cast<std::size_t>(count));
  for (float& x : numbers) x = static_cast<float>(random() % 9) - 4;
  return numbers;
}

/// The row-major matrix, in memory.
template <typename T>
DeviceBuffer<T> stored(const std::vector<float>& matrix, int rows, int columns, bool column_major, int padding) {
  const int lines = column_major ? columns : rows, line = (column_major ? rows : columns) + padding;
  std::vector<T> elements(static_cast<std::size_t>(lines * line), element<T>(NAN));
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c) {
      elements[static_cast<std::size_t>(column_major ? c * line + r : r * line + c)] =
          element<T>(matrix[static_cast<std::size_t>(r * columns + c)]);
    }
  }
  return DeviceBuffer<T>(elements);
}

template <int M, int N, typename T, typename Sum>
void expect_products() {
  constexpr int K = 16;
  std::mt19937 random(1);
  const auto a = whole_numbers(M * K, random), b = whole_numbers(K * N, random), c = whole_numbers(M * N, random);
  for (int layout = 0; layout < 8; ++layout) {
    const MatrixLayouts layouts{(layout & 1) != 0, (layout & 2) != 0, (layout & 4) != 0};
    for (const int padding : {0, 8}) {
      const auto left = stored<T>(a, M, K, layouts.a_column_major, padding);
      const auto right = stored<T>(b, K, N, layouts.b_column_major, padding);
      const auto sums = stored<Sum>(c, M, N, layouts.sums_column_major, 0);
      DeviceBuffer<Sum> out(M * N);
      launch_matrix_product<M, N, T, Sum>(layouts, static_cast<unsigned>(padding), left.data(), right.data(),
                                          sums.data(), out.data());
      const auto actual = out.to_host();
      for (int m = 0; m < M; ++m) {
        for (int n = 0; n < N; ++n) {
          double expected = c[static_cast<std::size_t>(m * N + n)];
          for (int k = 0; k < K; ++k) {
            expected += a[static_cast<std::size_t>(m * K + k)] * b[static_cast<std::size_t>(k * N + n)];
          }
          const int at = layouts.sums_column_major ? n * M + m : m * N + n;
          ASSERT_EQ(static_cast<double>(static_cast<float>(actual[static_cast<std::size_t>(at)])), expected)
              << "row " << m << ", column " << n << ", layouts " << layout << ", padding " << padding;
        }
      }
    }
  }
}

TEST(MatrixFragments, multiply_halves_into_floats_in_every_shape_and_layout) {
  on_every_schedule([] {
    expect_products<16, 16, __half, float>();
    expect_products<32, 8, __half, float>();
    expect_products<8, 32, __half, float>();
  });
}

TEST(MatrixFragments, multiply_halves_into_halves) {
  on_every_schedule([] {
    expect_products<16, 16, __half, __half>();
    expect_products<32, 8, __half, __half>();
    expect_products<8, 32, __half, __half>();
  });
}

TEST(MatrixFragments, multiply_bfloat16_into_floats_in_every_shape_and_layout) {
  on_every_schedule([] {
    expect_products<16, 16, __nv_bfloat16, float>();
    expect_products<32, 8, __nv_bfloat16, float>();
    expect_products<8, 32, __nv_bfloat16, float>();
  });
}

}  // namespace
}  // namespace host_cuda
