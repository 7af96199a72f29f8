#include "model/matrix_product.h"

#include <gtest/gtest.h>

#include "model/tiny_model.h"

namespace infini {
namespace {

using torch::Tensor;

// Sums of 64 products in float, against double: about 64 · 2⁻²⁴ of the operands' size.
constexpr double kTolerance = 1e-5;

TEST(MatrixProduct, TakesMatricesAndTheirTransposes) {
  torch::manual_seed(1);
  const Tensor a = torch::randn({33, 64}), b = torch::randn({64, 17});
  const Tensor expected = a.to(torch::kFloat64).mm(b.to(torch::kFloat64));
  EXPECT_LT(distance(matrix_product(a, b), expected), kTolerance);
  EXPECT_LT(distance(matrix_product(a.t().contiguous().t(), b), expected), kTolerance);
  EXPECT_LT(distance(matrix_product(a, b.t().contiguous().t()), expected), kTolerance);
  EXPECT_LT(distance(matrix_product(a.t().contiguous().t(), b.t().contiguous().t()), expected), kTolerance);
}

TEST(AffineMap, HasTheValuesAndGradientsOfALinearLayerInDouble) {
  torch::manual_seed(1);
  const Tensor values[] = {torch::randn({2, 5, 64}), torch::randn({48, 64}), torch::randn({48})};
  const Tensor direction = torch::randn({48, 5, 2}).transpose(0, 2);  // a strided gradient
  for (const bool biased : {true, false}) {
    std::vector<Tensor> narrow, wide;
    for (const Tensor& value : values) {
      narrow.push_back(value.clone().requires_grad_());
      wide.push_back(value.to(torch::kFloat64).requires_grad_());
    }
    const Tensor y = affine_map(narrow[0], narrow[1], biased ? narrow[2] : Tensor());
    const Tensor expected = at::linear(wide[0], wide[1], biased ? std::optional<Tensor>(wide[2]) : std::nullopt);
    EXPECT_LT(distance(y, expected), kTolerance);
    (y * direction).sum().backward();
    (expected * direction).sum().backward();
    for (size_t i = 0; i < (biased ? 3 : 2); ++i) EXPECT_LT(distance(narrow[i].grad(), wide[i].grad()), kTolerance);
  }
}

TEST(AffineMap, RefusesASecondDerivative) {
  const Tensor x = torch::randn({2, 4}).requires_grad_(), weight = torch::randn({3, 4}).requires_grad_();
  EXPECT_THROW(torch::autograd::grad({affine_map(x, weight, {}).sum()}, {x}, {}, {}, /*create_graph=*/true),
               c10::Error);
}

}  // namespace
}  // namespace infini
