#pragma once

namespace host_cuda {

/// How the matrices of a product lie in memory.
struct MatrixLayouts {
  bool a_column_major, b_column_major, sums_column_major;
};

/// d = a · b + c by fragments of M x N x 16, with gaps of `padding` elements behind the lines of a and b. Instantiated
/// for the three shapes of 16-bit operands, T of __half and __nv_bfloat16, and Sum of float, or of __half where T is.
template <int M, int N, typename T, typename Sum>
void launch_matrix_product(MatrixLayouts layouts, unsigned padding, const T* a, const T* b, const Sum* c, Sum* d);

}  // namespace host_cuda
