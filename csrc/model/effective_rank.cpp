#include "model/effective_rank.h"

namespace infini {

using torch::Tensor;

Tensor effective_rank(const Tensor& matrices) {
  // svdvals throws if a number is not finite, but a step that diverged must end as any other one that is skipped.
  const Tensor finite = matrices.isfinite().flatten(-2).all(-1).unsqueeze(-1).unsqueeze(-1);
  const Tensor values = at::linalg_svdvals(matrices.to(torch::kFloat32).masked_fill(finite.logical_not(), 0));
  const Tensor share = values / values.sum(-1, true);
  return at::special_xlogy(share, share).sum(-1).neg().exp();
}

}  // namespace infini
