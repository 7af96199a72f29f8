#pragma once

#include <ATen/core/Tensor.h>

namespace infini::ops {

/// Whether oneDNN multiplies x: float on a CPU, and not empty.
bool is_onednns(const at::Tensor& x);

/// x Wᵀ for x [..., in] and weight [out, in], by oneDNN.
at::Tensor onednn_linear(const at::Tensor& x, const at::Tensor& weight);

/// a b for a [n, k] and b [k, m] of one dtype, outside of any graph. In float on a CPU it is oneDNN's product where a
/// is contiguous, with a copy of b unless that is the transpose of a contiguous matrix: `at::mm` is MKL's, which on
/// processors of other makers than Intel takes up to twice as long, but not where a is a transpose.
at::Tensor matrix_product(const at::Tensor& a, const at::Tensor& b);

}  // namespace infini::ops
