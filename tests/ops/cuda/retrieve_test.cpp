#include "ops/cuda/retrieve.h"

#include "ops/cuda/kernel_test.h"

namespace infini::ops::cuda {
namespace {

using reference::States;

template <typename T>
class Retrieve : public ::testing::Test {
 protected:
  static void expect_retrieved(const Sizes& sizes, Layout layout, const std::vector<int64_t>& empty = {},
                               double lowest_query = -3, double highest_query = 3) {
    std::mt19937 random(2);
    expect_retrieved(sizes, layout, random_states(sizes, random, empty), uniform<float>(sizes.heads, random, -1, 1),
                     lowest_query, highest_query);
  }

  static void expect_retrieved(const Sizes& sizes, Layout layout, const States& states, const Numbers& beta,
                               double lowest_query = -3, double highest_query = 3) {
    const int64_t B = sizes.batch, H = sizes.heads, N = sizes.tokens, D = sizes.key_width, E = sizes.value_width;
    std::mt19937 random(1);
    const Numbers q = uniform<T>(B * H * N * D, random, lowest_query, highest_query);
    const Numbers a_dot = uniform<T>(B * H * N * E, random, -1, 1);
    const Numbers expected = reference::retrieve(sizes, q, a_dot, beta, states);
    // What rounding errors are relative to: each output with every term taken as positive. Rounded to operands are σ,
    // of which the denominator is made too, and M. Sums of D terms are float; exp and the reciprocal are off by a few
    // units, and so is the gate, of which what is left for A_dot may be much less than 1.
    const Numbers magnitude =
        reference::retrieve(sizes, q, absolute(a_dot), beta, {absolute(states.memories), states.norms, {}, {}});
    const double error =
        1.01 * (3 * operand_roundoff<T>() + roundoff<T>()) + static_cast<double>(2 * D + 16) * float_roundoff;
    const Numbers tolerance = stored<T>(sum(scaled(magnitude, error), scaled(absolute(a_dot), 4 * float_roundoff)));

    Activations<T> q_rows(q, B, H, N, D, layout);
    const Floats beta_values(beta), memories(states.memories), norms(states.norms);
    host_cuda::on_every_schedule([&] {
      Activations<T> local(a_dot, B, H, N, E, other(layout)), out(B, H, N, E, layout);
      const auto retrieve_into = [&](HeadRows<T> to) {
        launch_retrieve<T>(
            {extents_of(sizes), q_rows.rows(), local.rows(), beta_values.data(), memories.data(), norms.data(), to},
            nullptr);
      };
      retrieve_into(out.heads());
      expect_near(out.numbers(), expected, tolerance, "out");
      retrieve_into(local.heads());
      expect_near(local.numbers(), expected, tolerance, "out in the place of local attention");
    });
  }

 private:
  static Layout other(Layout layout) {
    return layout == Layout::kHeadsOutside ? Layout::kTokensOutside : Layout::kHeadsOutside;
  }
};
TYPED_TEST_SUITE(Retrieve, ActivationTypes, TypeName);

TYPED_TEST(Retrieve, reads_the_memory_of_its_group_and_segment_where_the_last_is_partial) {
  this->expect_retrieved(
      {.batch = 2, .heads = 4, .groups = 2, .tokens = 75, .segment_length = 35, .key_width = 64, .value_width = 64},
      Layout::kTokensOutside);
}

TYPED_TEST(Retrieve, takes_widths_that_differ) {
  this->expect_retrieved({.tokens = 40, .segment_length = 40, .key_width = 128, .value_width = 64},
                         Layout::kHeadsOutside);
  this->expect_retrieved({.tokens = 40, .segment_length = 40, .key_width = 64, .value_width = 128},
                         Layout::kHeadsOutside);
}

TYPED_TEST(Retrieve, takes_the_widest_heads) {
  this->expect_retrieved({.heads = 2, .tokens = 90, .segment_length = 70, .key_width = 128, .value_width = 128},
                         Layout::kTokensOutside);
}

TYPED_TEST(Retrieve, deals_a_long_segment_out_to_several_blocks_of_which_a_partial_one_leaves_some_without_rows) {
  this->expect_retrieved({.tokens = 560, .segment_length = 530, .key_width = 64, .value_width = 64},
                         Layout::kHeadsOutside);
}

TYPED_TEST(Retrieve, takes_segments_of_one_token) {
  this->expect_retrieved({.heads = 2, .tokens = 3, .segment_length = 1, .key_width = 64, .value_width = 64},
                         Layout::kHeadsOutside);
}

TYPED_TEST(Retrieve, is_local_attention_alone_where_the_memory_is_empty) {
  this->expect_retrieved(
      {.batch = 2, .heads = 2, .groups = 2, .tokens = 12, .segment_length = 5, .key_width = 64, .value_width = 64},
      Layout::kTokensOutside, {0, 4, 10});
}

TYPED_TEST(Retrieve, counts_a_memory_as_something_where_a_single_number_of_its_norm_is) {
  const Sizes sizes{.tokens = 8, .segment_length = 8, .key_width = 128, .value_width = 64};
  std::mt19937 random(1);
  States states = random_states(sizes, random);
  std::fill_n(states.norms.begin(), 127, 0);
  this->expect_retrieved(sizes, Layout::kHeadsOutside, states, {0.5});
}

TYPED_TEST(Retrieve, is_the_memory_or_local_attention_alone_where_the_gate_says_so) {
  const Sizes sizes{.heads = 3, .tokens = 8, .segment_length = 8, .key_width = 64, .value_width = 64};
  std::mt19937 random(1);
  this->expect_retrieved(sizes, Layout::kTokensOutside, random_states(sizes, random), {-100, 0, 100});
}

TYPED_TEST(Retrieve, does_not_lose_queries_far_below_zero) {
  this->expect_retrieved({.tokens = 8, .segment_length = 8, .key_width = 64, .value_width = 64}, Layout::kHeadsOutside,
                         {}, -20, -10);
}

}  // namespace
}  // namespace infini::ops::cuda
