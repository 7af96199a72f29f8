#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>

/// The internal ops `infini::_…`, called through the dispatcher, so that every backend, the Meta kernels and
/// torch.compile see them. One forward and one backward for each public op.
namespace infini::ops {

/// The name of an op as a template's argument.
template <size_t Size>
struct OpName {
  char text[Size];
  consteval OpName(const char (&name)[Size]) { std::copy_n(name, Size, text); }
};

/// Calls a registered op, which is looked up once; `Signature` is its C++ function type.
template <OpName name, typename Signature, typename... Args>
auto dispatch(Args&&... args) {
  static const auto op = c10::Dispatcher::singleton().findSchemaOrThrow(name.text, "").template typed<Signature>();
  return op.call(std::forward<Args>(args)...);
}

/// An empty [B, H, N, width] in `like`'s order of dimensions: [B, N, H, width] in memory where `like` is a transposed
/// view of that, contiguous otherwise. So the heads of a projection need no copy on the way in or out.
at::Tensor empty_in_layout_of(const at::Tensor& like, const c10::SymInt& width, at::ScalarType dtype);

}  // namespace infini::ops
