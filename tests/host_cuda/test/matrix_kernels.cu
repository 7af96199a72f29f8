#include "host_cuda/host_cuda.h"
#include "host_cuda/test/matrix_kernels.h"

namespace host_cuda {
namespace {

namespace wmma = nvcuda::wmma;
constexpr int kInner = 16;

template <int M, int N, typename T, typename Sum, typename LayoutA, typename LayoutB>
__global__ void matrix_product(MatrixLayouts layouts, unsigned padding, const T* a, const T* b, const Sum* c, Sum* d) {
  wmma::fragment<wmma::matrix_a, M, N, kInner, T, LayoutA> left;
  wmma::fragment<wmma::matrix_b, M, N, kInner, T, LayoutB> right;
  wmma::fragment<wmma::accumulator, M, N, kInner, Sum> sums;
  const auto layout = layouts.sums_column_major ? wmma::mem_col_major : wmma::mem_row_major;
  const unsigned line = layouts.sums_column_major ? M : N;
  wmma::load_matrix_sync(left, a, (layouts.a_column_major ? M : kInner) + padding);
  wmma::load_matrix_sync(right, b, (layouts.b_column_major ? kInner : N) + padding);
  wmma::load_matrix_sync(sums, c, line, layout);
  wmma::mma_sync(sums, left, right, sums);
  wmma::store_matrix_sync(d, sums, line, layout);
}

}  // namespace

template <int M, int N, typename T, typename Sum>
void launch_matrix_product(MatrixLayouts layouts, unsigned padding, const T* a, const T* b, const Sum* c, Sum* d) {
  using Row = wmma::row_major;
  using Column = wmma::col_major;
  const auto kernel = layouts.a_column_major   ? layouts.b_column_major ? matrix_product<M, N, T, Sum, Column, Column>
                                                                        : matrix_product<M, N, T, Sum, Column, Row>
                        : layouts.b_column_major ? matrix_product<M, N, T, Sum, Row, Column>
                                               : matrix_product<M, N, T, Sum, Row, Row>;
  INFINI_LAUNCH(kernel, dim3(1), dim3(32), 0, nullptr, layouts, padding, a, b, c, d);
}

#define INSTANTIATE(T, Sum)                                                                                           \
  template void launch_matrix_product<16, 16, T, Sum>(MatrixLayouts, unsigned, const T*, const T*, const Sum*, Sum*); \
  template void launch_matrix_product<32, 8, T, Sum>(MatrixLayouts, unsigned, const T*, const T*, const Sum*, Sum*);  \
  template void launch_matrix_product<8, 32, T, Sum>(MatrixLayouts, unsigned, const T*, const T*, const Sum*, Sum*)
INSTANTIATE(__half, float);
INSTANTIATE(__half, __half);
INSTANTIATE(__nv_bfloat16, float);
#undef INSTANTIATE

}  // namespace host_cuda
