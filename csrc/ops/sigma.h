#pragma once

#include <ATen/ATen.h>

namespace infini::ops {

/// σ(x) = x + 1 for x > 0, exp(x) otherwise. Never ELU(x) + 1, which cancels to 0 for large negative x.
inline at::Tensor sigma(const at::Tensor& x) { return at::where(x > 0, x + 1, x.clamp_max(0).exp()); }

/// The derivative of σ: 1 for x > 0, σ(x) = exp(x) otherwise.
inline at::Tensor sigma_derivative(const at::Tensor& x, const at::Tensor& sigma_of_x) {
  return at::where(x > 0, 1, sigma_of_x);
}

/// 1/x, or 0 for an x below what single precision can invert: a retrieval from an empty memory gives exactly 0, never
/// NaN or infinity.
inline at::Tensor reciprocal_or_zero(const at::Tensor& x) { return at::where(x > 1e-30, x.reciprocal(), 0); }

/// [B, H, N, width] → [B, G, H/G · N, width]: the query heads that read one memory stand one after the other.
inline at::Tensor by_memory(const at::Tensor& x, const c10::SymInt& groups) {
  return x.reshape_symint({x.sym_size(0), groups, x.sym_size(1) / groups * x.sym_size(2), x.sym_size(3)});
}

}  // namespace infini::ops
