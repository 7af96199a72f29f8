#include "ops/composed_attention.h"

#include "ops/attention_case.h"

namespace infini::ops {
namespace {

using namespace test;

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::string update : {"linear", "delta", "none"}) {
    const auto of = [&](Case c) {
      c.name.insert(0, update);
      c.update = update;
      all.push_back(c);
    };
    of({.name = " ragged", .key_width = 6, .value_width = 5});
    of({.name = " grouped",
        .batch = 2,
        .heads = 4,
        .key_width = 10,
        .value_width = 6,
        .starts_and_gain = true,
        .tokens_outside = true});
    of({.name = " from an empty memory", .groups = 1, .key_width = 80, .value_width = 96, .empty_memory = true});
    of({.name = " of less than a segment", .tokens = 9, .key_width = 6, .value_width = 8});
  }
  return all;
}

void expect_results_of_the_cpu(const Case& c, at::ScalarType dtype, double tolerance, bool reads) {
  SCOPED_TRACE(c.name + (reads ? "" : ", nothing reads the output"));
  const Inputs x = random_inputs(c, dtype);
  const AttentionArguments arguments = arguments_of(c, x);
  const auto forward = composed_attention_forward(arguments);
  const auto& [out, memory, norm, logsumexp, memories, norms, transitions, local] = forward;
  const auto gradients =
      composed_attention_backward({reads ? OptionalTensor(x.dout) : std::nullopt, x.dmemory, x.dnorm}, arguments,
                                  {c.update == "none" ? out : local, logsumexp, memories, norms, transitions});
  std::vector<Tensor> results{out, memory, norm};
  for (const Tensor& gradient : listed(gradients)) results.push_back(gradient);
  const auto expected = exact(c, x, reads);
  for (size_t i = 0; i < results.size(); ++i) expect_close(results[i], expected[i], tolerance, std::to_string(i));
}

TEST(ComposedAttention, AndItsGradientsAreThoseOfTheKernels) {
  for (const Case& c : cases()) {
    for (const bool reads : {true, false}) {
      expect_results_of_the_cpu(c, at::kDouble, 1e-12, reads);
      expect_results_of_the_cpu(c, at::kFloat, 1e-5, reads);
      expect_results_of_the_cpu(c, at::kBFloat16, 0.02, reads);
    }
  }
}

TEST(ComposedAttention, KeepsWhatTheKernelsKeep) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const AttentionArguments arguments = arguments_of(c, random_inputs(c, at::kFloat));
    const auto composed = listed(composed_attention_forward(arguments));
    const auto kernels = listed(attention_schema::call<"infini::_attention_forward", AttentionForward>(arguments));
    for (size_t i = 0; i < kernels.size(); ++i) {
      EXPECT_EQ(composed[i].strides(), kernels[i].strides()) << i;
      expect_close(composed[i], kernels[i].to(at::kDouble), 1e-5, std::to_string(i));
    }
  }
}

}  // namespace
}  // namespace infini::ops
