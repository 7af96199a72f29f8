#pragma once

#include <torch/torch.h>

namespace infini {

/// a b for a [n, k] and b [k, m] of one dtype, outside of any graph. In float on a CPU it is oneDNN's product where a
/// is contiguous, with a copy of b unless that is the transpose of a contiguous matrix: `at::mm` is MKL's, which on
/// processors of other makers than Intel takes up to twice as long, but not where a is a transpose.
torch::Tensor matrix_product(const torch::Tensor& a, const torch::Tensor& b);

/// x Wᵀ + b for x [..., in], weight [out, in] and bias [out] or undefined, all of one dtype, through `matrix_product`.
torch::Tensor affine_map(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

}  // namespace infini
