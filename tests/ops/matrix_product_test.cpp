#include "ops/matrix_product.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace infini::ops {
namespace {

using torch::Tensor;

// Sums of 64 products in float, against double: about 64 · 2⁻²⁴ of the operands' size.
constexpr double kTolerance = 1e-5;

double distance(const Tensor& a, const Tensor& b) { return (a.to(torch::kFloat64) - b).abs().max().item<double>(); }

TEST(MatrixProduct, TakesMatricesAndTheirTransposes) {
  torch::manual_seed(1);
  const Tensor a = torch::randn({33, 64}), b = torch::randn({64, 17});
  const Tensor expected = a.to(torch::kFloat64).mm(b.to(torch::kFloat64));
  EXPECT_LT(distance(matrix_product(a, b), expected), kTolerance);
  EXPECT_LT(distance(matrix_product(a.t().contiguous().t(), b), expected), kTolerance);
  EXPECT_LT(distance(matrix_product(a, b.t().contiguous().t()), expected), kTolerance);
  EXPECT_LT(distance(matrix_product(a.t().contiguous().t(), b.t().contiguous().t()), expected), kTolerance);
}

}  // namespace
}  // namespace infini::ops
