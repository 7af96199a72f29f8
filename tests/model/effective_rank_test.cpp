#include "model/effective_rank.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace infini {
namespace {

using torch::Tensor;

Tensor random_orthogonal(int64_t size) {
  return std::get<0>(at::linalg_qr(torch::randn({size, size}, torch::kFloat64)));
}

double rank_of(const Tensor& matrix) { return effective_rank(matrix).item<double>(); }

TEST(EffectiveRank, IsThatOfTheSingularValuesThatTheMatrixWasMadeOf) {
  torch::manual_seed(1);
  const std::vector<double> values = {5.0, 2.0, 0.5, 0.0};
  double entropy = 0;
  for (const double value : values) entropy -= value > 0 ? value / 7.5 * std::log(value / 7.5) : 0;
  const Tensor matrix =
      random_orthogonal(4).matmul(torch::diag(torch::tensor(values, torch::kFloat64))).matmul(random_orthogonal(4));
  EXPECT_NEAR(rank_of(matrix), std::exp(entropy), 1e-4);
  EXPECT_NEAR(rank_of(1000 * matrix), std::exp(entropy), 1e-4) << "the size of the numbers does not matter";
}

TEST(EffectiveRank, GoesFromOneToTheWidth) {
  torch::manual_seed(2);
  const Tensor column = torch::randn({6, 1}, torch::kFloat64), row = torch::randn({1, 6}, torch::kFloat64);
  EXPECT_NEAR(rank_of(column.matmul(row)), 1, 1e-3);
  EXPECT_NEAR(rank_of(3 * random_orthogonal(6)), 6, 1e-4);
}

TEST(EffectiveRank, IsNoNumberForAMatrixWithoutOne) {
  Tensor matrices = torch::eye(3).repeat({2, 2, 1, 1});
  matrices[0][1].zero_();
  matrices[1][0][2][1] = std::numeric_limits<double>::infinity();
  const Tensor rank = effective_rank(matrices);
  EXPECT_NEAR(rank[0][0].item<double>(), 3, 1e-5);
  EXPECT_TRUE(std::isnan(rank[0][1].item<double>()));
  EXPECT_TRUE(std::isnan(rank[1][0].item<double>()));
  EXPECT_NEAR(rank[1][1].item<double>(), 3, 1e-5);
}

}  // namespace
}  // namespace infini
