// The whole of Infini-attention as CUDA does it, from tensors to kernels and back, on CPU tensors: the kernels executed
// by the host harness, local attention by ATen's CPU kernel. Held against the CPU's op in double, and against the Meta
// kernels, which have to know the shape, dtype and strides of everything.

#include "ops/cuda/attention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "host_cuda/schedule.h"
#include "ops/attention_case.h"

namespace infini::ops::cuda {
namespace {

using namespace test;

AttentionBackward backward_of(const Case& c, const Inputs& x, const AttentionForward& forward,
                              const OptionalTensor& dout) {
  const auto& [out, memory, norm, logsumexp, memories, norms, transitions, local] = forward;
  const Tensor& kept = c.update == "none" ? out : local;
  return attention_backward({dout, x.dmemory, x.dnorm}, arguments_of(c, x),
                            {kept, logsumexp, memories, norms, transitions}, nullptr);
}

std::string name_of(const ::testing::TestParamInfo<std::tuple<Case, at::ScalarType>>& info) {
  return std::get<0>(info.param).name + "_in_" + c10::toString(std::get<1>(info.param));
}

class Attention : public ::testing::TestWithParam<std::tuple<Case, at::ScalarType>> {
 protected:
  const Case& shape() const { return std::get<0>(GetParam()); }
  at::ScalarType dtype() const { return std::get<1>(GetParam()); }
  /// Of a whole tensor, so that an entry that nearly cancels does not count: a few roundings of activations and
  /// operands.
  double tolerance() const { return dtype() == at::kFloat ? 1e-5 : dtype() == at::kDouble ? 1e-12 : 0.02; }

  void expect_results_of_the_cpu() const {
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
    for (size_t i = 0; i < actual.size(); ++i)
      expect_close(actual[i].second, expected[i], tolerance(), actual[i].first);
  }
};

TEST_P(Attention, and_its_gradients_are_those_of_the_cpu_op_in_double) { expect_results_of_the_cpu(); }

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
  expect_alike(forward, attention_schema::call<"infini::_attention_forward", AttentionForward>(arguments));
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

/// What a GeForce RTX 30, 40 or 50 gives a block.
constexpr size_t kLeastSharedMemory = 101376;

class SmallDevice : public Attention {};

TEST_P(SmallDevice, gives_the_same_results_in_forms_that_fit) {
  const host_cuda::ScopedSharedMemoryLimit limit(kLeastSharedMemory);
  expect_results_of_the_cpu();
}

std::vector<Case> widest_cases() {
  std::vector<Case> all;
  for (const std::string update : {"linear", "delta"}) {
    all.push_back({.name = update, .update = update, .key_width = 128, .value_width = 128, .starts_and_gain = true});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Updates, SmallDevice,
                         ::testing::Combine(::testing::ValuesIn(widest_cases()),
                                            ::testing::Values(at::kFloat, at::kBFloat16, at::kHalf)),
                         name_of);

class OtherWidth : public Attention {};

TEST_P(OtherWidth, is_composed_with_the_same_results) { expect_results_of_the_cpu(); }

TEST(Attention, says_once_that_it_is_composed) {
  struct Collector : c10::WarningHandler {
    void process(const c10::Warning& warning) override { messages.push_back(warning.msg()); }
    std::vector<std::string> messages;
  } collector;
  const c10::WarningUtils::WarningHandlerGuard guard(&collector);
  const c10::WarningUtils::WarnAlways always(true);
  const Case c{.name = "width", .update = "linear", .key_width = 80, .value_width = 48};
  attention_forward(arguments_of(c, random_inputs(c, at::kFloat)), nullptr);
  ASSERT_EQ(collector.messages.size(), 1);
  EXPECT_THAT(collector.messages[0], ::testing::HasSubstr("keys of width 80 and values of width 48"));
}

std::vector<Case> cases_of_other_widths() {
  std::vector<Case> all;
  for (const std::string update : {"linear", "delta", "none"}) {
    all.push_back({.name = update, .update = update, .key_width = 80, .value_width = 48, .tokens_outside = true});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Updates, OtherWidth,
                         ::testing::Combine(::testing::ValuesIn(cases_of_other_widths()),
                                            ::testing::Values(at::kFloat, at::kBFloat16, at::kDouble)),
                         name_of);

INSTANTIATE_TEST_SUITE_P(Updates, Attention,
                         ::testing::Combine(::testing::ValuesIn(cases()),
                                            ::testing::Values(at::kFloat, at::kBFloat16, at::kHalf)),
                         name_of);

}  // namespace
}  // namespace infini::ops::cuda
