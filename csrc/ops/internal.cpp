#include "ops/internal.h"

#include <ATen/ATen.h>

namespace infini::ops {

at::Tensor empty_in_layout_of(const at::Tensor& like, const c10::SymInt& width, at::ScalarType dtype) {
  const auto options = like.options().dtype(dtype);
  const auto batch = like.sym_size(0), heads = like.sym_size(1), tokens = like.sym_size(2);
  const bool tokens_before_heads = !like.is_contiguous() && like.sym_stride(2) > like.sym_stride(1);
  if (tokens_before_heads) {
    return at::empty_symint({batch, tokens, heads, width}, options).transpose(1, 2);
  }
  return at::empty_symint({batch, heads, tokens, width}, options);
}

}  // namespace infini::ops
