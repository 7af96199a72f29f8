#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <optional>
#include <string>
#include <tuple>

/// The internal ops `infini::_…`, called through the dispatcher, so that every backend, the Meta kernels and
/// torch.compile see them. One forward and one backward for each public op.
namespace infini::ops {

/// Calls a registered op by name; `Signature` is its C++ function type.
template <typename Signature, typename... Args>
auto dispatch(const char* name, Args&&... args) {
  const auto op = c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
  return op.call(std::forward<Args>(args)...);
}

/// An empty [B, H, N, width] in `like`'s order of dimensions: [B, N, H, width] in memory where `like` is a transposed
/// view of that, contiguous otherwise. So the heads of a projection need no copy on the way in or out.
at::Tensor empty_in_layout_of(const at::Tensor& like, const c10::SymInt& width, at::ScalarType dtype);

}  // namespace infini::ops
