#pragma once

#include <ATen/ATen.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "ops/attention_arguments.h"
#include "ops/checks.h"
#include "ops/cuda/activations.h"
#include "ops/cuda/rotate.h"

/// Tensors as the kernels take them.
namespace infini::ops::cuda {

template <typename T>
T* pointer(const at::Tensor& tensor) {
  return tensor.defined() && tensor.numel() > 0 ? static_cast<T*>(tensor.data_ptr()) : nullptr;
}

/// A [B, heads, N, width] tensor whose rows begin at multiples of 16 bytes.
template <typename T>
HeadRows<T> heads_of(const at::Tensor& tensor) {
  return {pointer<std::remove_const_t<T>>(tensor), tensor.stride(0), tensor.stride(1), tensor.stride(2)};
}

inline at::Tensor with_aligned_rows(const at::Tensor& tensor) {
  constexpr int64_t alignment = 16;
  const auto aligned = [&](int64_t elements) { return elements * tensor.element_size() % alignment == 0; };
  const bool fits = tensor.stride(3) == 1 && aligned(tensor.stride(0)) && aligned(tensor.stride(1)) &&
                    aligned(tensor.stride(2)) && reinterpret_cast<uintptr_t>(tensor.data_ptr()) % alignment == 0;
  return fits ? tensor : tensor.clone(at::MemoryFormat::Contiguous);
}

inline at::Tensor plain_float(const at::Tensor& tensor) { return tensor.to(at::kFloat).contiguous(); }

/// An empty [B, heads, N, width], tokens before heads in memory.
inline at::Tensor empty_heads(const at::Tensor& like, int64_t heads, int64_t width) {
  return at::empty({like.size(0), like.size(2), heads, width}, like.options()).transpose(1, 2);
}

/// Tensors in the dtypes and layouts that the kernels read.
struct AlignedArguments {
  at::Tensor q, k, v, beta, cos, sin, starts, gain;
  Update update;
  Extents extents;
  at::TensorOptions state;

  explicit AlignedArguments(const AttentionArguments& arguments)
      : q(with_aligned_rows(arguments.q)),
        k(with_aligned_rows(arguments.k)),
        v(with_aligned_rows(arguments.v)),
        beta(plain_float(arguments.beta)),
        cos(plain_float(arguments.cos)),
        sin(plain_float(arguments.sin)),
        update(parse_update(arguments.update, true)),
        extents{q.size(0), q.size(1), k.size(1), q.size(2), arguments.segment_length, q.size(3), v.size(3)},
        state(q.options().dtype(at::kFloat)) {
    if (arguments.starts) starts = arguments.starts->contiguous();
    if (arguments.gain) gain = plain_float(*arguments.gain);
  }

  bool reads_memory() const { return update != Update::none; }
  bool is_delta() const { return update == Update::delta; }
};

/// Whether there are kernels for these arguments, with a state of `state`; if not, says so once.
inline bool has_kernels(const AttentionArguments& x, at::ScalarType state) {
  const auto dtype = x.q.scalar_type();
  const bool has_dtype = dtype == at::kFloat || dtype == at::kBFloat16 || dtype == at::kHalf;
  const auto has_width = [](const at::Tensor& heads) { return heads.size(3) == 64 || heads.size(3) == 128; };
  if (has_dtype && state == at::kFloat && has_width(x.q) && has_width(x.v)) return true;
  TORCH_WARN_ONCE(
      "attention has CUDA kernels for heads of width 64 and 128 in float32, bfloat16 and float16 with a "
      "float32 memory, not for keys of width ",
      x.q.size(3), " and values of width ", x.v.size(3), " in ", dtype, " with a memory in ", state,
      ": it is composed of slower ops, with the same result");
  return false;
}

/// q and k with their position embedding.
template <typename T>
std::tuple<at::Tensor, at::Tensor> rotated(const AlignedArguments& arguments, cudaStream_t stream) {
  const Extents& x = arguments.extents;
  const at::Tensor q = empty_heads(arguments.q, x.heads, x.key_width);
  const at::Tensor k = empty_heads(arguments.k, x.groups, x.key_width);
  launch_rotate<T>({x, heads_of<const T>(arguments.q), heads_of<const T>(arguments.k), pointer<float>(arguments.cos),
                    pointer<float>(arguments.sin), heads_of<T>(q), heads_of<T>(k)},
                   stream);
  return {q, k};
}

/// Calls body(T{}) with the kernels' element type for a dtype.
template <typename Body>
auto with_element(at::ScalarType dtype, const Body& body) {
  switch (dtype) {
    case at::kFloat:
      return body(float{});
    case at::kBFloat16:
      return body(__nv_bfloat16{});
    case at::kHalf:
      return body(__half{});
    default:
      TORCH_CHECK(false, "q must be float32, bfloat16 or float16 on CUDA, but is ", dtype);
  }
}

}  // namespace infini::ops::cuda
