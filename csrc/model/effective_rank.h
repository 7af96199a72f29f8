#pragma once

#include <torch/torch.h>

namespace infini {

/// How many directions a matrix uses: exp of the entropy of its singular values, divided by their sum (Roy and Vetterli
/// 2007). 1 for a matrix of rank one, D for an orthogonal matrix [D, D]. matrices [..., D, E] on the CPU → [...]; not a
/// number for a matrix that is 0 or not finite. Computed in float32.
torch::Tensor effective_rank(const torch::Tensor& matrices);

}  // namespace infini
