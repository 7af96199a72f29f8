#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/feed_forward.h"
#include "model/finite_differences.h"
#include "model/linear_cross_entropy.h"
#include "model/rms_norm.h"
#include "model/rotary_embedding.h"
#include "model/tiny_model.h"
#include "model/token_embedding.h"

namespace infini {
namespace {

using torch::Tensor;

Tensor leaf(torch::IntArrayRef shape) { return torch::randn(shape, torch::kFloat64).requires_grad_(); }

TEST(RmsNorm, GradientsAreThoseOfFiniteDifferences) {
  torch::manual_seed(1);
  const Tensor x = leaf({2, 3, 4}), weight = leaf({4}), direction = torch::randn({2, 3, 4}, torch::kFloat64);
  const auto loss = [&] { return (rms_norm(x, weight, 0.1) * direction).sum(); };
  loss().backward();
  EXPECT_LT(gradient_error(loss, x, x.grad()), 1e-8);
  EXPECT_LT(gradient_error(loss, weight, weight.grad()), 1e-8);
}

TEST(RmsNorm, KeepsTheDtypesOfItsInputs) {
  const Tensor x = torch::randn({3, 4}).to(torch::kBFloat16).requires_grad_();
  const Tensor weight = torch::ones({4}).requires_grad_();
  const Tensor y = rms_norm(x, weight, 1e-5);
  EXPECT_EQ(y.scalar_type(), torch::kBFloat16);
  y.sum().backward();
  EXPECT_EQ(x.grad().scalar_type(), torch::kBFloat16);
  EXPECT_EQ(weight.grad().scalar_type(), torch::kFloat32);
}

TEST(RmsNorm, TakesAStridedInput) {
  torch::manual_seed(1);
  const Tensor x = leaf({4, 3}), weight = leaf({4});
  const Tensor expected = rms_norm(x.t().contiguous(), weight, 1e-5);
  EXPECT_LT(distance(rms_norm(x.t(), weight, 1e-5), expected), 1e-15);
  (rms_norm(x.t(), weight, 1e-5) * expected.detach()).sum().backward();
  const Tensor strided = x.grad().clone();
  x.mutable_grad() = Tensor();
  (expected * expected.detach()).sum().backward();
  EXPECT_LT(distance(strided, x.grad()), 1e-14);
}

TEST(RmsNorm, TakesAStridedGradient) {
  torch::manual_seed(1);
  const Tensor x = leaf({2, 3, 5, 4}), weight = leaf({4}), direction = torch::randn({2, 5, 3, 4}, torch::kFloat64);
  const auto loss = [&] { return (rms_norm(x, weight, 0.1).transpose(1, 2) * direction).sum(); };
  loss().backward();
  EXPECT_LT(gradient_error(loss, x, x.grad()), 1e-8);
  EXPECT_LT(gradient_error(loss, weight, weight.grad()), 1e-8);
}

TEST(RmsNorm, RefusesASecondDerivative) {
  const Tensor x = leaf({2, 4}), weight = leaf({4});
  EXPECT_THROW(torch::autograd::grad({rms_norm(x, weight, 1e-5).sum()}, {x}, {}, {}, /*create_graph=*/true),
               c10::Error);
}

TEST(TokenEmbedding, SumsTheGradientsOfATokenInTheWeightsDtype) {
  const Tensor weight = torch::randn({4, 3}).requires_grad_();
  const Tensor rows = embed_tokens(weight, torch::tensor({{2, 0}, {2, 2}}, torch::kInt64), torch::kBFloat16);
  EXPECT_EQ(rows.scalar_type(), torch::kBFloat16);
  EXPECT_TRUE(torch::equal(rows[1][0], weight[2].to(torch::kBFloat16)));
  rows.sum().backward();
  EXPECT_TRUE(torch::equal(weight.grad(), torch::tensor({1.0f, 0.0f, 3.0f, 0.0f}).unsqueeze(1).expand({4, 3})));
}

TEST(Swiglu, GradientsAreThoseOfFiniteDifferences) {
  torch::manual_seed(1);
  const Tensor gate = leaf({3, 4}), up = leaf({3, 4}), direction = torch::randn({3, 4}, torch::kFloat64);
  const auto loss = [&] { return (swiglu(gate, up) * direction).sum(); };
  EXPECT_LT(distance(swiglu(gate, up), gate * torch::sigmoid(gate) * up), 1e-15);
  loss().backward();
  EXPECT_LT(gradient_error(loss, gate, gate.grad()), 1e-8);
  EXPECT_LT(gradient_error(loss, up, up.grad()), 1e-8);
}

TEST(RotaryEmbedding, TablesHoldTheAnglesOfEveryPosition) {
  RotaryEmbedding rotary(6, 500.0);
  for (const int64_t length : {3, 40, 7}) {  // grows, then is cut
    const auto [cos, sin] = rotary.tables(length, torch::kCPU, torch::kFloat64);
    ASSERT_EQ(cos.sizes(), torch::IntArrayRef({length, 6}));
    for (int64_t t = 0; t < length; ++t) {
      for (int64_t i = 0; i < 6; ++i) {
        const double angle = static_cast<double>(t) * std::pow(500.0, -static_cast<double>(i % 3) / 3.0);
        EXPECT_NEAR(cos[t][i].item<double>(), std::cos(angle), 1e-12);
        EXPECT_NEAR(sin[t][i].item<double>(), std::sin(angle), 1e-12);
      }
    }
  }
  EXPECT_EQ(rotary.tables(3, torch::kCPU, torch::kBFloat16).cos.scalar_type(), torch::kFloat32);
}

// With targets that do not count.
struct LossInputs {
  Tensor hidden = leaf({300, 5}), weight = leaf({7, 5});
  Tensor targets = torch::randint(7, {300}, torch::kInt64);
  LossInputs() {
    targets.index_put_({torch::indexing::Slice(0, 300, 9)}, -100);
    targets.index_put_({torch::indexing::Slice(4, 300, 50)}, -1);
  }
  Tensor counted() const { return targets.ge(0); }
  Tensor dense_losses() const {
    return torch::nn::functional::cross_entropy(
        torch::matmul(hidden, weight.t()), targets.clamp_min(-1),
        torch::nn::functional::CrossEntropyFuncOptions().ignore_index(-1).reduction(torch::kNone));
  }
};

TEST(LinearCrossEntropy, IsTheSumOverTheTargetsThatCount) {
  torch::manual_seed(1);
  const LossInputs inputs;
  const Tensor losses = linear_token_losses(inputs.hidden, inputs.weight, inputs.targets);
  EXPECT_FALSE(losses.requires_grad());
  EXPECT_LT(distance(losses, inputs.dense_losses()), 1e-13);
  EXPECT_LT(distance(linear_cross_entropy(inputs.hidden, inputs.weight, inputs.targets), inputs.dense_losses().sum()),
            1e-10);
}

TEST(LinearCrossEntropy, GradientsAreThoseOfFiniteDifferences) {
  torch::manual_seed(1);
  const LossInputs inputs;
  const auto loss = [&] { return 0.3 * linear_cross_entropy(inputs.hidden, inputs.weight, inputs.targets); };
  loss().backward();
  EXPECT_LT(gradient_error(loss, inputs.hidden, inputs.hidden.grad(), 7), 1e-7);
  EXPECT_LT(gradient_error(loss, inputs.weight, inputs.weight.grad()), 1e-7);
}

TEST(LinearCrossEntropy, WeighsEachRow) {
  torch::manual_seed(1);
  const LossInputs inputs;
  const Tensor row_weights = torch::rand({300}, torch::kFloat64) * 2;
  const auto loss = [&] { return linear_cross_entropy(inputs.hidden, inputs.weight, inputs.targets, row_weights); };
  EXPECT_LT(distance(loss(), (inputs.dense_losses() * row_weights).sum()), 1e-10);
  loss().backward();
  EXPECT_LT(gradient_error(loss, inputs.hidden, inputs.hidden.grad(), 7), 1e-7);
  EXPECT_LT(gradient_error(loss, inputs.weight, inputs.weight.grad()), 1e-7);
}

TEST(LinearCrossEntropy, ManyChunksGiveTheGradientsOfOneBigProduct) {
  torch::manual_seed(1);
  // 40,000 words: 128 rows a chunk.
  const Tensor hidden = leaf({300, 3}), weight = leaf({40000, 3});
  const Tensor targets = torch::randint(40000, {300}, torch::kInt64);
  linear_cross_entropy(hidden, weight, targets).backward();
  const Tensor for_hidden = hidden.grad().clone(), for_weight = weight.grad().clone();
  hidden.mutable_grad() = weight.mutable_grad() = Tensor();
  torch::nn::functional::cross_entropy(torch::matmul(hidden, weight.t()), targets,
                                       torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum))
      .backward();
  EXPECT_LT(distance(for_hidden, hidden.grad()), 1e-11);
  EXPECT_LT(distance(for_weight, weight.grad()), 1e-11);
}

TEST(LinearCrossEntropy, InBfloat16IsCloseToFloat32AndItsWeightGradientIsFloat32) {
  torch::manual_seed(1);
  const LossInputs inputs;
  const Tensor hidden = inputs.hidden.detach().to(torch::kBFloat16).requires_grad_();
  const Tensor weight = inputs.weight.detach().to(torch::kFloat32).requires_grad_();
  const Tensor loss = linear_cross_entropy(hidden, weight, inputs.targets);
  EXPECT_EQ(loss.scalar_type(), torch::kFloat32);
  EXPECT_NEAR(loss.item<double>() / inputs.dense_losses().sum().item<double>(), 1.0, 0.01);
  loss.backward();
  linear_cross_entropy(inputs.hidden, inputs.weight, inputs.targets).backward();
  EXPECT_EQ(hidden.grad().scalar_type(), torch::kBFloat16);
  EXPECT_EQ(weight.grad().scalar_type(), torch::kFloat32);
  EXPECT_LT(distance(hidden.grad(), inputs.hidden.grad()), 0.05);
  EXPECT_LT(distance(weight.grad(), inputs.weight.grad()) / inputs.weight.grad().abs().max().item<double>(), 0.02);
}

TEST(LinearCrossEntropy, ATiedWeightReceivesBothOfItsGradients) {
  torch::manual_seed(1);
  const Tensor weight = leaf({7, 5}), tokens = torch::randint(7, {20}, torch::kInt64);
  const auto loss = [&] {
    return linear_cross_entropy(embed_tokens(weight, tokens, torch::kFloat64).tanh(), weight, tokens.roll(1));
  };
  loss().backward();
  EXPECT_LT(gradient_error(loss, weight, weight.grad()), 1e-8);
}

TEST(LinearCrossEntropy, DoesNoGradientWorkWhereNothingAsksForIt) {
  torch::manual_seed(1);
  const LossInputs inputs;
  EXPECT_FALSE(linear_cross_entropy(inputs.hidden.detach(), inputs.weight.detach(), inputs.targets).requires_grad());
  const torch::NoGradGuard no_graph;
  EXPECT_FALSE(linear_cross_entropy(inputs.hidden, inputs.weight, inputs.targets).requires_grad());
}

TEST(LinearCrossEntropy, RefusesASecondDerivative) {
  const LossInputs inputs;
  EXPECT_THROW(torch::autograd::grad({linear_cross_entropy(inputs.hidden, inputs.weight, inputs.targets)},
                                     {inputs.hidden}, {}, {}, /*create_graph=*/true),
               c10::Error);
}

}  // namespace
}  // namespace infini
