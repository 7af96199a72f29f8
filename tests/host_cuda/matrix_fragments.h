#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>

#include "host_cuda/access.h"
#include "host_cuda/scheduler.h"

// nvcuda::wmma of <mma.h> for half and bfloat16 operands, with accumulators of float (or, for half, of half).
//
// Which element of a matrix a lane holds is not specified on a device, and is another one here: kernels may only treat
// all elements of a fragment alike. A fragment begins as NaN, so that one that was never filled shows. Products are
// summed in single precision, in the order of the inner index; a tensor core's order and its rounding of partial sums
// differ.

namespace host_cuda {

/// C [rows, columns] += A [rows, inner] · B [inner, columns], row-major.
void multiply_accumulate(int rows, int columns, int inner, const float* a, const float* b, float* c);

}  // namespace host_cuda

namespace nvcuda::wmma {

struct row_major {};
struct col_major {};
struct matrix_a {};
struct matrix_b {};
struct accumulator {};
enum layout_t { mem_row_major, mem_col_major };

template <typename Use, int M, int N, int K, typename T, typename Layout = void>
struct fragment {
  static_assert(K == 16 && ((M == 16 && N == 16) || (M == 32 && N == 8) || (M == 8 && N == 32)));
  static_assert(std::is_same_v<T, __half> || std::is_same_v<T, __nv_bfloat16> ||
                (std::is_same_v<T, float> && std::is_same_v<Use, accumulator>));

  using element_type = T;
  static constexpr int rows = std::is_same_v<Use, matrix_b> ? K : M;
  static constexpr int columns = std::is_same_v<Use, matrix_a> ? K : N;
  static constexpr bool is_accumulator = std::is_same_v<Use, accumulator>;
  static constexpr int num_elements = rows * columns / 32;

  fragment() { std::memset(static_cast<void*>(x), 0xff, sizeof x); }

  T x[num_elements];
};

template <typename Fragment>
void fill_fragment(Fragment& fragment, typename Fragment::element_type value) {
  for (auto& element : fragment.x) element = value;
}

namespace internal {

using host_cuda::kWarpSize;
using host_cuda::scheduler;
using Arguments = std::array<void*, kWarpSize>;

template <typename Fragment>
struct Transfer {
  using T = typename Fragment::element_type;
  Fragment* fragment;
  T* memory;
  unsigned leading_dimension;
  bool row_major;
  bool store;
  std::source_location place;

  /// Where the element of the matrix lies in memory.
  T* at(int row, int column) const {
    return row_major ? memory + static_cast<std::size_t>(row) * leading_dimension + column
                     : memory + static_cast<std::size_t>(column) * leading_dimension + row;
  }

  host_cuda::FragmentAccess access() const {
    return {.memory = reinterpret_cast<const std::byte*>(memory),
            .lines = row_major ? Fragment::rows : Fragment::columns,
            .elements_of_line = row_major ? Fragment::columns : Fragment::rows,
            .bytes_between_lines = leading_dimension * sizeof(T),
            .element_bytes = sizeof(T),
            .row_major = row_major,
            .accumulator = Fragment::is_accumulator,
            .access = store ? host_cuda::Access::kWrite : host_cuda::Access::kRead,
            .place = place};
  }
};

/// Loads or stores a fragment of all lanes at once.
template <typename Fragment>
void transfer(Transfer<Fragment> argument) {
  using T = typename Fragment::element_type;
  if (reinterpret_cast<std::uintptr_t>(argument.memory) % 32 != 0) {
    scheduler.fail("a fragment's memory must be aligned to 32 bytes", argument.place);
  }
  if (argument.leading_dimension * sizeof(T) % 16 != 0) {
    scheduler.fail("a fragment's leading dimension must be a multiple of 16 bytes", argument.place);
  }
  constexpr auto complete = [](const Arguments& arguments, unsigned) {
    const auto& first = *static_cast<Transfer<Fragment>*>(arguments[0]);
    host_cuda::record_fragment(first.access());
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      const auto& own = *static_cast<Transfer<Fragment>*>(arguments[lane]);
      if (own.memory != first.memory || own.leading_dimension != first.leading_dimension) {
        scheduler.fail("lanes give different addresses for one fragment", own.place);
      }
      for (int i = 0; i < Fragment::num_elements; ++i) {
        const int element = static_cast<int>(lane) * Fragment::num_elements + i;
        T* memory = own.at(element / Fragment::columns, element % Fragment::columns);
        if (own.store) {
          *memory = own.fragment->x[i];
        } else {
          own.fragment->x[i] = *memory;
        }
      }
    }
  };
  scheduler.meet_lanes(host_cuda::kAllLanes, &argument, complete, argument.place);
}

template <typename Fragment>
void gather(const Fragment& fragment, unsigned lane, float* matrix) {
  for (int i = 0; i < Fragment::num_elements; ++i) {
    matrix[static_cast<int>(lane) * Fragment::num_elements + i] = static_cast<float>(fragment.x[i]);
  }
}

}  // namespace internal

template <typename Use, int M, int N, int K, typename T, typename Layout>
void load_matrix_sync(fragment<Use, M, N, K, T, Layout>& to, const T* from, unsigned leading_dimension,
                      std::source_location place = std::source_location::current()) {
  internal::transfer<fragment<Use, M, N, K, T, Layout>>(
      {&to, const_cast<T*>(from), leading_dimension, std::is_same_v<Layout, row_major>, false, place});
}

template <int M, int N, int K, typename T>
void load_matrix_sync(fragment<accumulator, M, N, K, T>& to, const T* from, unsigned leading_dimension, layout_t layout,
                      std::source_location place = std::source_location::current()) {
  internal::transfer<fragment<accumulator, M, N, K, T>>(
      {&to, const_cast<T*>(from), leading_dimension, layout == mem_row_major, false, place});
}

template <int M, int N, int K, typename T>
void store_matrix_sync(T* to, const fragment<accumulator, M, N, K, T>& from, unsigned leading_dimension,
                       layout_t layout, std::source_location place = std::source_location::current()) {
  using Fragment = fragment<accumulator, M, N, K, T>;
  internal::transfer<Fragment>(
      {const_cast<Fragment*>(&from), to, leading_dimension, layout == mem_row_major, true, place});
}

/// D = A · B + C.
template <int M, int N, int K, typename TD, typename T, typename LayoutA, typename LayoutB, typename TC>
void mma_sync(fragment<accumulator, M, N, K, TD>& d, const fragment<matrix_a, M, N, K, T, LayoutA>& a,
              const fragment<matrix_b, M, N, K, T, LayoutB>& b, const fragment<accumulator, M, N, K, TC>& c,
              std::source_location place = std::source_location::current()) {
  static_assert((std::is_same_v<TC, float> && std::is_same_v<TD, float>) || std::is_same_v<T, __half>,
                "bfloat16 products are summed in float");
  struct Argument {
    fragment<accumulator, M, N, K, TD>* d;
    const fragment<matrix_a, M, N, K, T, LayoutA>* a;
    const fragment<matrix_b, M, N, K, T, LayoutB>* b;
    const fragment<accumulator, M, N, K, TC>* c;
  };
  constexpr auto complete = [](const internal::Arguments& arguments, unsigned) {
    float left[M * K], right[K * N], sums[M * N];
    for (unsigned lane = 0; lane < internal::kWarpSize; ++lane) {
      const auto& own = *static_cast<Argument*>(arguments[lane]);
      internal::gather(*own.a, lane, left);
      internal::gather(*own.b, lane, right);
      internal::gather(*own.c, lane, sums);
    }
    host_cuda::multiply_accumulate(M, N, K, left, right, sums);
    for (unsigned lane = 0; lane < internal::kWarpSize; ++lane) {
      auto& own = *static_cast<Argument*>(arguments[lane])->d;
      for (int i = 0; i < own.num_elements; ++i) {
        own.x[i] = static_cast<TD>(sums[static_cast<int>(lane) * own.num_elements + i]);
      }
    }
  };
  Argument argument{&d, &a, &b, &c};
  internal::scheduler.meet_lanes(host_cuda::kAllLanes, &argument, complete, place);
}

}  // namespace nvcuda::wmma
