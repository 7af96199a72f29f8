// The reference is itself held against finite differences, and its two ways to write a segment against each other.

#include "ops/cuda/reference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>

namespace infini::ops::cuda::reference {
namespace {

Numbers random_numbers(int64_t count, std::mt19937& random, double low, double high) {
  std::uniform_real_distribution<double> uniform(low, high);
  Numbers numbers(static_cast<size_t>(count));
  for (double& x : numbers) x = uniform(random);
  return numbers;
}

/// The norm keeps off 0, where the memory counts as empty.
Inputs random_inputs(const Sizes& sizes, std::mt19937& random) {
  const int64_t queries = sizes.batch * sizes.heads * sizes.tokens, keys = sizes.batch * sizes.groups * sizes.tokens;
  const int64_t memories = sizes.batch * sizes.groups, D = sizes.key_width, E = sizes.value_width;
  return {random_numbers(queries * D, random, -2, 2), random_numbers(keys * D, random, -2, 2),
          random_numbers(keys * E, random, -1, 1),    random_numbers(queries * E, random, -1, 1),
          random_numbers(sizes.heads, random, -1, 1), random_numbers(memories * D * E, random, -1, 1),
          random_numbers(memories * D, random, 1, 2)};
}

double inner_product(const Numbers& x, const Numbers& y) {
  double sum = 0;
  for (size_t i = 0; i < y.size(); ++i) sum += x[i] * y[i];
  return sum;
}

struct Case {
  std::string name;
  Sizes sizes;
  Segments segments;
  bool delta;
  bool reads = true;
};

class Reference : public ::testing::TestWithParam<Case> {};

TEST_P(Reference, gradient_agrees_with_finite_differences) {
  const auto& [name, sizes, segments, delta, reads] = GetParam();
  std::mt19937 random(1);
  Inputs inputs = random_inputs(sizes, random);
  Outputs directions = attend(sizes, segments, delta, inputs);
  for (Numbers* direction : {&directions.out, &directions.memory, &directions.norm}) {
    *direction = random_numbers(static_cast<int64_t>(direction->size()), random, -1, 1);
  }
  if (!reads) directions.out.clear();
  const auto objective = [&] {
    const Outputs outputs = attend(sizes, segments, delta, inputs);
    return inner_product(outputs.out, directions.out) + inner_product(outputs.memory, directions.memory) +
           inner_product(outputs.norm, directions.norm);
  };
  Inputs gradient = attend_backward(sizes, segments, delta, inputs, directions);
  const std::pair<Numbers Inputs::*, const char*> members[] = {
      {&Inputs::q, "q"},       {&Inputs::k, "k"},           {&Inputs::v, "v"},      {&Inputs::a_dot, "A_dot"},
      {&Inputs::beta, "beta"}, {&Inputs::memory, "memory"}, {&Inputs::norm, "norm"}};
  for (const auto& [member, label] : members) {
    ASSERT_EQ((gradient.*member).size(), (inputs.*member).size()) << label;
    for (size_t i = 0; i < (inputs.*member).size(); ++i) {
      double& x = (inputs.*member)[i];
      const double middle = x, step = 1e-5;
      x = middle + step;
      const double above = objective();
      x = middle - step;
      const double below = objective();
      x = middle;
      // Central differences are off by step²/6 times the third derivative, and by rounding of 1e-16 |objective| / step.
      EXPECT_NEAR((gradient.*member)[i], (above - below) / (2 * step), 1e-7) << label << "[" << i << "]";
    }
  }
}

TEST_P(Reference, scan_of_what_each_segment_writes_gives_the_states_of_the_formula) {
  const auto& [name, sizes, segments, delta, reads] = GetParam();
  std::mt19937 random(2);
  const Inputs inputs = random_inputs(sizes, random);
  const States states = write(sizes, segments, delta, inputs.k, inputs.v, inputs.memory, inputs.norm);
  const States scanned = scan(
      sizes, segments, written_memories(sizes, segments, inputs.k, inputs.v), written_norms(sizes, segments, inputs.k),
      delta ? transitions(sizes, segments, inputs.k, states.norms) : Numbers{}, inputs.memory, inputs.norm);
  const std::pair<Numbers States::*, const char*> members[] = {
      {&States::memories, "memories"}, {&States::norms, "norms"}, {&States::memory, "memory"}, {&States::norm, "norm"}};
  for (const auto& [member, label] : members) {
    ASSERT_EQ((scanned.*member).size(), (states.*member).size()) << label;
    for (size_t i = 0; i < (states.*member).size(); ++i) {
      EXPECT_NEAR((scanned.*member)[i], (states.*member)[i], 1e-12) << label << "[" << i << "]";
    }
  }
}

TEST(Reference, rotation_backward_is_the_transpose_of_rotation) {
  const Sizes sizes{.batch = 2, .heads = 3, .tokens = 7, .segment_length = 3, .key_width = 6};
  std::mt19937 random(3);
  const int64_t count = 2 * 3 * 7 * 6;
  const Numbers cos = random_numbers(18, random, -1, 1), sin = random_numbers(18, random, -1, 1);
  const Numbers x = random_numbers(count, random, -1, 1), y = random_numbers(count, random, -1, 1);
  EXPECT_NEAR(inner_product(rotate(sizes, 3, x, cos, sin), y), inner_product(x, rotate_backward(sizes, 3, y, cos, sin)),
              1e-12);
}

TEST(Reference, rotation_turns_a_pair_by_its_angle_at_the_position_in_the_segment) {
  const Sizes sizes{.tokens = 3, .segment_length = 2, .key_width = 2};
  const Numbers cos{1, 1, 0, 0}, sin{0, 0, 1, 1};
  EXPECT_EQ(rotate(sizes, 1, {1, 2, 1, 2, 1, 2}, cos, sin), (Numbers{1, 2, -2, 1, 1, 2}));
}

TEST(Reference, empty_memory_passes_local_attention_and_only_the_norm_passes_through) {
  const Sizes sizes{.tokens = 4, .segment_length = 8, .key_width = 2, .value_width = 2};
  std::mt19937 random(4);
  Inputs inputs = random_inputs(sizes, random);
  inputs.memory.assign(4, 0);
  inputs.norm.assign(2, 0);
  EXPECT_EQ(attend(sizes, {}, false, inputs).out, inputs.a_dot);
  const Outputs directions{random_numbers(8, random, -1, 1), {1, 2, 3, 4}, {5, 6}};
  const Inputs gradient = attend_backward(sizes, {}, false, inputs, directions);
  EXPECT_EQ(gradient.q, Numbers(8, 0));
  EXPECT_EQ(gradient.beta, Numbers(1, 0));
  EXPECT_EQ(gradient.a_dot, directions.out);
  EXPECT_EQ(gradient.memory, directions.memory);
  EXPECT_EQ(gradient.norm, directions.norm);
}

constexpr Sizes ragged{
    .batch = 2, .heads = 4, .groups = 2, .tokens = 11, .segment_length = 3, .key_width = 4, .value_width = 3};
const Segments with_starts_and_gain{{false, false, true, false, true, false, true, false},
                                    {1, 0.5, 2, 1, 1.5, 1, 0.25, 3}};

INSTANTIATE_TEST_SUITE_P(Updates, Reference,
                         ::testing::Values(Case{"linear", ragged, {}, false}, Case{"delta", ragged, {}, true},
                                           Case{"linear_with_starts_and_gain", ragged, with_starts_and_gain, false},
                                           Case{"delta_with_starts_and_gain", ragged, with_starts_and_gain, true},
                                           Case{"delta_of_the_state_alone", ragged, with_starts_and_gain, true, false},
                                           Case{"delta_with_less_than_a_segment",
                                                {.tokens = 2, .segment_length = 3, .key_width = 4, .value_width = 3},
                                                {},
                                                true}),
                         [](const auto& info) { return info.param.name; });

TEST(ConvolutionReference, gradient_agrees_with_finite_differences) {
  const Convolution sizes{.batch = 2,
                          .tokens = 7,
                          .channels = 2,
                          .width = 4,
                          .segment_length = 2,
                          .starts = {false, true, false, false, false, false, true, true}};
  std::mt19937 random(1);
  Numbers x = random_numbers(28, random, -1, 1), before = random_numbers(12, random, -1, 1),
          taps = random_numbers(8, random, -1, 1);
  const Numbers dy = random_numbers(28, random, -1, 1);
  const ConvolutionGradient gradient = convolve_backward(sizes, x, before, taps, dy);
  const auto expect = [&](Numbers& values, const Numbers& expected, const char* label) {
    for (size_t i = 0; i < values.size(); ++i) {
      const double middle = values[i], step = 0.5;  // y is linear in each of them
      values[i] = middle + step;
      const double above = inner_product(convolve(sizes, x, before, taps), dy);
      values[i] = middle - step;
      const double below = inner_product(convolve(sizes, x, before, taps), dy);
      values[i] = middle;
      EXPECT_NEAR(expected[i], (above - below) / (2 * step), 1e-12) << label << "[" << i << "]";
    }
  };
  expect(x, gradient.dx, "x");
  expect(before, gradient.dbefore, "before");
  expect(taps, gradient.dtaps, "taps");
}

}  // namespace
}  // namespace infini::ops::cuda::reference
