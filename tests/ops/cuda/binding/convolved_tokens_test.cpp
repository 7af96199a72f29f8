// The short convolution as CUDA does it, from tensors to kernels and back, on CPU tensors: the kernels executed by the
// host harness. Held against the composition of ATen's ops in double.

#include "ops/cuda/convolved_tokens.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "ops/short_convolution.h"

namespace infini::ops::cuda {
namespace {

using torch::Tensor;

/// The largest difference, relative to the largest number.
double distance(const Tensor& actual, const Tensor& expected) {
  return ((actual.to(torch::kFloat64) - expected).abs().max() / expected.abs().max()).item<double>();
}

void expect_the_composition(torch::Dtype dtype, int64_t channels, bool marked, double tolerance) {
  torch::manual_seed(1);
  const Tensor x = torch::randn({2, 150, channels}).to(dtype), before = torch::randn({2, 3, channels}).to(dtype);
  const Tensor grad = torch::randn({channels, 150, 2}).to(dtype).transpose(0, 2);  // strided
  const Tensor weight = torch::randn({channels, 1, 4});
  std::optional<Tensor> starts;
  if (marked) starts = torch::rand({2, 15}) < 0.3;
  const auto wide = [](const Tensor& tensor) { return tensor.to(torch::kFloat64); };
  const std::array<bool, 3> all = {true, true, true};
  const Tensor y = convolved_tokens(x, before, weight, 10, starts, nullptr);
  EXPECT_EQ(y.scalar_type(), dtype);
  EXPECT_LT(distance(y, composed_short_convolution(wide(x), wide(before), wide(weight), 10, starts)), tolerance);
  const auto gradients = convolved_tokens_backward(grad, x, before, weight, 10, starts, all, nullptr);
  const auto expected =
      composed_short_convolution_backward(wide(grad), wide(x), wide(before), wide(weight), 10, starts, all);
  EXPECT_LT(distance(std::get<0>(gradients), std::get<0>(expected)), tolerance);
  EXPECT_LT(distance(std::get<1>(gradients), std::get<1>(expected)), tolerance);
  EXPECT_LT(distance(std::get<2>(gradients), std::get<2>(expected)), 1e-5);
  EXPECT_EQ(std::get<2>(gradients).sizes(), weight.sizes());
  EXPECT_EQ(std::get<2>(gradients).scalar_type(), torch::kFloat32);
}

TEST(ConvolvedTokens, AreThoseOfTheCompositionForEveryDtype) {
  for (const bool marked : {false, true}) {
    expect_the_composition(torch::kFloat32, 132, marked, 1e-6);
    expect_the_composition(torch::kBFloat16, 132, marked, 0x1p-8);
    expect_the_composition(torch::kHalf, 132, marked, 0x1p-11);
  }
}

TEST(ConvolvedTokens, AreComposedWhereThereIsNoKernel) {
  expect_the_composition(torch::kFloat32, 6, true, 1e-6);
  const Tensor x = torch::randn({2, 5, 4}, torch::kFloat64), before = torch::randn({2, 3, 4}, torch::kFloat64);
  const Tensor weight = torch::randn({4, 1, 4}, torch::kFloat64);
  EXPECT_TRUE(torch::equal(convolved_tokens(x, before, weight, 5, std::nullopt, nullptr),
                           composed_short_convolution(x, before, weight, 5, std::nullopt)));
}

TEST(ConvolvedTokens, OfATensorThatBeginsBetweenAlignedPlacesAreTheSame) {
  const Tensor storage = torch::randn({2 * 5 * 4 + 1});
  const Tensor x = storage.slice(0, 1).view({2, 5, 4}), before = torch::zeros({2, 3, 4});
  const Tensor weight = torch::randn({4, 1, 4});
  EXPECT_TRUE(torch::equal(convolved_tokens(x, before, weight, 5, std::nullopt, nullptr),
                           convolved_tokens(x.clone(), before, weight, 5, std::nullopt, nullptr)));
}

}  // namespace
}  // namespace infini::ops::cuda
