#pragma once

#include <ATen/core/Tensor.h>

#include "ops/cpu/segment_kernels.h"

namespace infini::ops::cpu {

/// The dtype of tensors with the kernels' element type T.
template <typename T>
constexpr at::ScalarType element_type = c10::CppTypeToScalarType<T>::value;
template <>
constexpr at::ScalarType element_type<BFloat16> = at::kBFloat16;
template <>
constexpr at::ScalarType element_type<Half> = at::kHalf;

/// Calls body with the kernels' element type for the dtype of the argument `name`.
template <typename Body>
auto with_element(at::ScalarType dtype, const char* name, const Body& body) {
  switch (dtype) {
    case at::kDouble:
      return body(double{});
    case at::kFloat:
      return body(float{});
    case at::kBFloat16:
      return body(BFloat16{});
    case at::kHalf:
      return body(Half{});
    default:
      TORCH_CHECK(false, name, " must be float64, float32, bfloat16 or float16, but is ", dtype);
  }
}

}  // namespace infini::ops::cpu
