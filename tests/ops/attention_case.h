#pragma once

// Calls of attention for tests of its implementations, and what the CPU's op gives for them in double.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <ostream>
#include <string>
#include <vector>

#include "ops/ops.h"

namespace infini::ops::test {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

struct Case {
  std::string name;
  std::string update = {};
  int64_t batch = 1, heads = 2, groups = 2, tokens = 40, segment_length = 16, key_width = 64, value_width = 64;
  bool starts_and_gain = false;
  bool empty_memory = false;
  /// [B,N,H,D] in memory, as projections leave them.
  bool tokens_outside = false;

  int64_t segments() const { return (tokens + segment_length - 1) / segment_length; }
};
inline std::ostream& operator<<(std::ostream& stream, const Case& c) { return stream << c.name; }

/// Everything that the op takes, and the gradients of its outputs.
struct Inputs {
  Tensor q, k, v, beta, memory, norm, cos, sin;
  OptionalTensor starts, gain;
  Tensor dout, dmemory, dnorm;
};

inline Tensor heads(const Case& c, int64_t count, int64_t width, at::ScalarType dtype) {
  const Tensor x = torch::randn({c.batch, c.tokens, count, width}).to(dtype).transpose(1, 2);
  return c.tokens_outside ? x : x.contiguous();
}

inline Inputs random_inputs(const Case& c, at::ScalarType dtype) {
  torch::manual_seed(1);
  const double empty = c.empty_memory ? 0 : 1;
  const Tensor angles = torch::rand({c.segment_length, c.key_width / 2}) * 6;
  Inputs inputs{heads(c, c.heads, c.key_width, dtype),
                heads(c, c.groups, c.key_width, dtype),
                heads(c, c.groups, c.value_width, dtype),
                torch::randn({c.heads}).to(dtype == at::kDouble ? at::kDouble : at::kFloat),
                empty * torch::randn({c.batch, c.groups, c.key_width, c.value_width}),
                empty * (torch::rand({c.batch, c.groups, c.key_width}) + 0.5) * 8,
                torch::cat({angles.cos(), angles.cos()}, 1),
                torch::cat({angles.sin(), angles.sin()}, 1),
                std::nullopt,
                std::nullopt,
                heads(c, c.heads, c.value_width, dtype),
                torch::randn({c.batch, c.groups, c.key_width, c.value_width}),
                torch::randn({c.batch, c.groups, c.key_width})};
  if (c.starts_and_gain) {
    inputs.starts = torch::rand({c.batch, c.segments()}) < 0.4;
    inputs.gain = torch::rand({c.batch, c.segments()}) + 0.5;
  }
  return inputs;
}

inline AttentionArguments arguments_of(const Case& c, const Inputs& x) {
  return {x.q, x.k, x.v, x.beta, x.memory, x.norm, x.cos, x.sin, c.segment_length, c.update, x.starts, x.gain};
}

/// Outputs (out, memory, norm), then the gradients of (q, k, v, beta, memory, norm), by the CPU's op in double.
inline std::vector<Tensor> exact(const Case& c, const Inputs& x, bool reads) {
  std::vector<Tensor> variables;
  for (const Tensor* input : {&x.q, &x.k, &x.v, &x.beta, &x.memory, &x.norm}) {
    variables.push_back(input->to(at::kDouble).detach().requires_grad_());
  }
  const auto [out, memory, norm] =
      attention({variables[0], variables[1], variables[2], variables[3], variables[4], variables[5],
                 x.cos.to(at::kDouble), x.sin.to(at::kDouble), c.segment_length, c.update, x.starts, x.gain});
  Tensor objective = (memory * x.dmemory).sum() + (norm * x.dnorm).sum();
  if (reads) objective = objective + (out * x.dout).sum();
  std::vector<Tensor> results{out.detach(), memory.detach(), norm.detach()};
  const auto gradients = torch::autograd::grad({objective}, variables, {}, std::nullopt, false, /*allow_unused=*/true);
  for (size_t i = 0; i < gradients.size(); ++i) {
    results.push_back(gradients[i].defined() ? gradients[i] : torch::zeros_like(variables[i]));
  }
  return results;
}

inline void expect_close(const Tensor& actual, const Tensor& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(actual.sizes(), expected.sizes()) << what;
  const double error = (actual.to(at::kDouble) - expected).norm().item<double>();
  const double magnitude = expected.norm().item<double>();
  EXPECT_LE(error, tolerance * magnitude) << what << " of magnitude " << magnitude;
}

template <typename Results>
std::vector<Tensor> listed(const Results& results) {
  return std::apply([](const auto&... tensors) { return std::vector<Tensor>{tensors...}; }, results);
}

}  // namespace infini::ops::test
