#pragma once

#include <torch/torch.h>

namespace infini {

/// a b for a [n, k] and b [k, m] of one dtype, each contiguous or the transpose of a contiguous matrix, outside of any
/// graph. In float on a CPU it is oneDNN's product: `at::mm` is MKL's, which on processors of other makers than Intel
/// takes about twice as long.
torch::Tensor matrix_product(const torch::Tensor& a, const torch::Tensor& b);

/// x Wᵀ + b for x [..., in], weight [out, in] and bias [out] or undefined, all of one dtype, through `matrix_product`.
torch::Tensor affine_map(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

}  // namespace infini
