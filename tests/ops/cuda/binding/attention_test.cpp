// The whole of Infini-attention as CUDA does it, from tensors to kernels and back, on CPU tensors: the kernels executed
// by the host harness, local attention by ATen's CPU kernel. Held against the CPU's op in double, and against the Meta
// kernels, which have to know the shape, dtype and strides of everything.

#include "ops/cuda/attention.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <ostream>
#include <string>
#include <vector>

#include "ops/ops.h"

namespace infini::ops::cuda {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

struct Case {
  std::string name;
  std::string update;
  int64_t batch = 1, heads = 2, groups = 2, tokens = 40, segment_length = 16, key_width = 64, value_width = 64;
  bool starts_and_gain = false;
  bool empty_memory = false;
  /// [B,N,H,D] in memory, as projections leave them.
  bool tokens_outside = false;

  int64_t segments() const { return (tokens + segment_length - 1) / segment_length; }
};
std::ostream& operator<<(std::ostream& stream, const Case& c) { return stream << c.name; }

/// Everything that the op takes, and the gradients of its outputs.
struct Inputs {
  Tensor q, k, v, beta, memory, norm, cos, sin;
  OptionalTensor starts, gain;
  Tensor dout, dmemory, dnorm;
};

Tensor heads(const Case& c, int64_t count, int64_t width, at::ScalarType dtype) {
  const Tensor x = torch::randn({c.batch, c.tokens, count, width}).to(dtype).transpose(1, 2);
  return c.tokens_outside ? x : x.contiguous();
}

Inputs random_inputs(const Case& c, at::ScalarType dtype) {
  torch::manual_seed(1);
  const double empty = c.empty_memory ? 0 : 1;
  const Tensor angles = torch::rand({c.segment_length, c.key_width / 2}) * 6;
  Inputs inputs{heads(c, c.heads, c.key_width, dtype),
                heads(c, c.groups, c.key_width, dtype),
                heads(c, c.groups, c.value_width, dtype),
                torch::randn({c.heads}),
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

AttentionArguments arguments_of(const Case& c, const Inputs& x) {
  return {x.q, x.k, x.v, x.beta, x.memory, x.norm, x.cos, x.sin, c.segment_length, c.update, x.starts, x.gain};
}

AttentionBackward backward_of(const Case& c, const Inputs& x, const AttentionForward& forward,
                              const OptionalTensor& dout) {
  const auto& [out, memory, norm, logsumexp, memories, norms, transitions, local] = forward;
  const Tensor& kept = c.update == "none" ? out : local;
  return attention_backward({dout, x.dmemory, x.dnorm}, arguments_of(c, x),
                            {kept, logsumexp, memories, norms, transitions}, nullptr);
}

/// Outputs (out, memory, norm), then the gradients of (q, k, v, beta, memory, norm), by the CPU's op in double.
std::vector<Tensor> exact(const Case& c, const Inputs& x, bool reads) {
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

void expect_close(const Tensor& actual, const Tensor& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(actual.sizes(), expected.sizes()) << what;
  const double error = (actual.to(at::kDouble) - expected).norm().item<double>();
  const double magnitude = expected.norm().item<double>();
  EXPECT_LE(error, tolerance * magnitude) << what << " of magnitude " << magnitude;
}

class Attention : public ::testing::TestWithParam<std::tuple<Case, at::ScalarType>> {
 protected:
  const Case& shape() const { return std::get<0>(GetParam()); }
  at::ScalarType dtype() const { return std::get<1>(GetParam()); }
  /// Of a whole tensor, so that an entry that nearly cancels does not count: a few roundings of activations and
  /// operands.
  double tolerance() const { return dtype() == at::kFloat ? 1e-5 : 0.02; }
};

TEST_P(Attention, and_its_gradients_are_those_of_the_cpu_op_in_double) {
  const Inputs x = random_inputs(shape(), dtype());
  const auto forward = attention_forward(arguments_of(shape(), x), nullptr);
  const auto [dq, dk, dv, dbeta, dmemory, dnorm] = backward_of(shape(), x, forward, x.dout);
  const auto expected = exact(shape(), x, true);
  const std::vector<std::pair<const char*, Tensor>> actual{{"out", std::get<0>(forward)},
                                                           {"memory", std::get<1>(forward)},
                                                           {"norm", std::get<2>(forward)},
                                                           {"dq", dq},
                                                           {"dk", dk},
                                                           {"dv", dv},
                                                           {"dbeta", dbeta},
                                                           {"dmemory", dmemory},
                                                           {"dnorm", dnorm}};
  for (size_t i = 0; i < actual.size(); ++i) expect_close(actual[i].second, expected[i], tolerance(), actual[i].first);
}

TEST_P(Attention, passes_the_gradient_of_the_states_alone_where_nothing_reads_the_output) {
  const Inputs x = random_inputs(shape(), dtype());
  const auto forward = attention_forward(arguments_of(shape(), x), nullptr);
  const auto [dq, dk, dv, dbeta, dmemory, dnorm] = backward_of(shape(), x, forward, std::nullopt);
  const auto expected = exact(shape(), x, false);
  const std::vector<std::pair<const char*, Tensor>> actual{{"dq", dq},       {"dk", dk},           {"dv", dv},
                                                           {"dbeta", dbeta}, {"dmemory", dmemory}, {"dnorm", dnorm}};
  for (size_t i = 0; i < actual.size(); ++i) {
    expect_close(actual[i].second, expected[i + 3], tolerance(), actual[i].first);
  }
}

Tensor meta(const Tensor& x) { return torch::empty_strided(x.sizes(), x.strides(), x.options().device(at::kMeta)); }
OptionalTensor meta(const OptionalTensor& x) { return x ? OptionalTensor(meta(*x)) : std::nullopt; }

AttentionArguments meta(const AttentionArguments& x) {
  return {meta(x.q),   meta(x.k),   meta(x.v),        meta(x.beta), meta(x.memory), meta(x.norm),
          meta(x.cos), meta(x.sin), x.segment_length, x.update,     meta(x.starts), meta(x.gain)};
}

template <typename Results>
std::vector<Tensor> listed(const Results& results) {
  return std::apply([](const auto&... tensors) { return std::vector<Tensor>{tensors...}; }, results);
}

template <typename Results>
void expect_alike(const Results& results, const Results& predicted) {
  const std::vector<Tensor> actual = listed(results), expected = listed(predicted);
  for (size_t i = 0; i < actual.size(); ++i) {
    EXPECT_EQ(actual[i].sizes(), expected[i].sizes()) << "result " << i;
    EXPECT_EQ(actual[i].strides(), expected[i].strides()) << "result " << i;
    EXPECT_EQ(actual[i].scalar_type(), expected[i].scalar_type()) << "result " << i;
  }
}

TEST_P(Attention, has_the_shapes_dtypes_and_strides_that_the_meta_kernels_predict) {
  const Case& c = shape();
  const Inputs x = random_inputs(c, dtype());
  const AttentionArguments arguments = meta(arguments_of(c, x));
  const auto forward = attention_forward(arguments_of(c, x), nullptr);
  expect_alike(forward, attention_schema::call<AttentionForward>("infini::_attention_forward", arguments));
  const auto& [out, memory, norm, logsumexp, memories, norms, transitions, local] = forward;
  expect_alike(backward_of(c, x, forward, x.dout),
               attention_schema::call_backward({meta(x.dout), meta(x.dmemory), meta(x.dnorm)}, arguments,
                                               {meta(c.update == "none" ? out : local), meta(logsumexp), meta(memories),
                                                meta(norms), meta(transitions)}));
}

TEST_P(Attention, gives_the_same_bits_twice) {
  const Inputs x = random_inputs(shape(), dtype());
  std::vector<Tensor> runs[2];
  for (auto& results : runs) {
    const auto forward = attention_forward(arguments_of(shape(), x), nullptr);
    results = listed(std::tuple_cat(forward, backward_of(shape(), x, forward, x.dout)));
  }
  for (size_t i = 0; i < runs[0].size(); ++i) EXPECT_TRUE(torch::equal(runs[0][i], runs[1][i])) << "result " << i;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::string update : {"linear", "delta", "none"}) {
    all.push_back({.name = update + "_ragged", .update = update});
    all.push_back({.name = update + "_grouped_with_starts_and_gain",
                   .update = update,
                   .batch = 2,
                   .heads = 4,
                   .starts_and_gain = true,
                   .tokens_outside = true});
    all.push_back({.name = update + "_of_wide_keys", .update = update, .key_width = 128, .tokens_outside = true});
    all.push_back({.name = update + "_of_wide_values", .update = update, .groups = 1, .value_width = 128});
    all.push_back({.name = update + "_from_an_empty_memory", .update = update, .empty_memory = true});
    all.push_back({.name = update + "_of_less_than_a_segment", .update = update, .tokens = 9});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Updates, Attention,
                         ::testing::Combine(::testing::ValuesIn(cases()),
                                            ::testing::Values(at::kFloat, at::kBFloat16, at::kHalf)),
                         [](const auto& info) {
                           return std::get<0>(info.param).name + "_in_" + c10::toString(std::get<1>(info.param));
                         });

}  // namespace
}  // namespace infini::ops::cuda
