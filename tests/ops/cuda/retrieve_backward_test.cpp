#include "ops/cuda/retrieve_backward.h"

#include "ops/cuda/kernel_test.h"

namespace infini::ops::cuda {
namespace {

using reference::States;

/// Each gradient with every term taken as positive: what rounding errors are relative to.
reference::RetrieveGradients magnitudes(const Sizes& sizes, const Numbers& q, const Numbers& a_dot, const Numbers& beta,
                                        const States& states, const Numbers& dout) {
  const States positive{absolute(states.memories), states.norms, {}, {}};
  auto gradients = reference::retrieve_backward(sizes, q, scaled(absolute(a_dot), -1), beta, positive, absolute(dout));
  // dq = σ′ (M u − p z) has its second term, of which p is dz = −p σ of a single query, subtracted: turn it round.
  Sizes one = sizes;
  one.batch = one.heads = one.groups = one.tokens = one.segment_length = 1;
  const int64_t D = sizes.key_width, E = sizes.value_width;
  const auto slice = [](const Numbers& x, int64_t index, int64_t size) {
    return Numbers(x.begin() + index * size, x.begin() + (index + 1) * size);
  };
  for (int64_t b = 0; b < sizes.batch; ++b) {
    for (int64_t h = 0; h < sizes.heads; ++h) {
      for (int64_t t = 0; t < sizes.tokens; ++t) {
        const int64_t row = sizes.query_row(b, h, t), state = sizes.state(b, sizes.group_of(h), sizes.segment_of(t));
        const States own{slice(positive.memories, state, D * E), slice(positive.norms, state, D), {}, {}};
        const Numbers own_q = slice(q, row, D);
        const auto single = reference::retrieve_backward(one, own_q, slice(a_dot, row, E), slice(beta, h, 1), own,
                                                         absolute(slice(dout, row, E)));
        const double p = -single.dnorms[0] / reference::sigma(own_q[0]);
        for (int64_t i = 0; i < D; ++i) {
          gradients.dq.at(static_cast<size_t>(row * D + i)) +=
              2 * p * own.norms.at(static_cast<size_t>(i)) *
              reference::sigma_derivative(own_q.at(static_cast<size_t>(i)));
        }
      }
    }
  }
  gradients.dnorms = absolute(gradients.dnorms);
  return gradients;
}

template <typename T>
void expect_gradients(const Sizes& sizes, Layout layout, const std::vector<int64_t>& empty = {}) {
  const int64_t B = sizes.batch, H = sizes.heads, N = sizes.tokens, D = sizes.key_width, E = sizes.value_width;
  std::mt19937 random(1);
  const Numbers q = uniform<T>(B * H * N * D, random, -3, 3), a_dot = uniform<T>(B * H * N * E, random, -1, 1);
  const Numbers dout = uniform<T>(B * H * N * E, random, -1, 1), beta = uniform<float>(H, random, -1, 1);
  const States states = random_states(sizes, random, empty);
  const auto expected = reference::retrieve_backward(sizes, q, a_dot, beta, states, dout);
  const auto magnitude = magnitudes(sizes, q, a_dot, beta, states, dout);

  Activations<T> q_rows(q, B, H, N, D, layout), local_rows(a_dot, B, H, N, E, layout);
  Activations<T> dout_rows(dout, B, H, N, E, Layout::kHeadsOutside);
  const Floats beta_values(beta), memories(states.memories), norms(states.norms);
  const int64_t pieces = B * H * sizes.segments() * pieces_per_segment(extents_of(sizes));

  host_cuda::on_every_schedule([&] {
    Activations<T> dq(B, H, N, D, layout), dlocal(B, H, N, E, layout);
    Floats dmemories(pieces * D * E), dnorms(pieces * D), dbetas(pieces);
    launch_retrieve_backward<T>({.extents = extents_of(sizes),
                                 .q = q_rows.rows(),
                                 .local = local_rows.rows(),
                                 .dout = dout_rows.rows(),
                                 .beta = beta_values.data(),
                                 .memories = memories.data(),
                                 .norms = norms.data(),
                                 .dq = dq.heads(),
                                 .dlocal = dlocal.heads(),
                                 .dmemories = dmemories.data(),
                                 .dnorms = dnorms.data(),
                                 .dbetas = dbetas.data()},
                                nullptr);
    // Rounded to operands are σ, of which r is made, M and u: A_mem is off by three roundings, u by two, p by four, and
    // σ′ by one. Sums are float, of at most N · H/G + D + E terms; exp, the reciprocal and the gate are off by a few
    // units.
    const double operand = 1.01 * operand_roundoff<T>(), output = 1.01 * roundoff<T>();
    const double sums = static_cast<double>(N * H / sizes.groups + D + E + 32) * float_roundoff;
    expect_near(dq.numbers(), expected.dq, stored<T>(scaled(magnitude.dq, 5 * operand + output + sums)), "dq");
    expect_near(dlocal.numbers(), expected.da_dot, stored<T>(scaled(magnitude.da_dot, output + sums)), "dA_dot");
    const auto of_reading = [&](const Floats& sent, int64_t size) {
      return sum_of_pieces(sizes, sent.numbers(), H, sizes.segments(), size);
    };
    expect_near(of_reading(dmemories, D * E), expected.dmemories, scaled(magnitude.dmemories, 3 * operand + sums),
                "dM");
    expect_near(of_reading(dnorms, D), expected.dnorms, scaled(magnitude.dnorms, 5 * operand + sums), "dz");
    Numbers dbeta(static_cast<size_t>(H), 0.0);
    const Numbers dbeta_of_pieces = dbetas.numbers();
    for (int64_t i = 0; i < pieces; ++i) {
      dbeta.at(static_cast<size_t>(i / (pieces / B / H) % H)) += dbeta_of_pieces.at(static_cast<size_t>(i));
    }
    expect_near(dbeta, expected.dbeta, scaled(magnitude.dbeta, 3 * operand + sums), "dβ");
  });
}

template <typename T>
class RetrieveBackward : public ::testing::Test {};
TYPED_TEST_SUITE(RetrieveBackward, ActivationTypes, TypeName);

TYPED_TEST(RetrieveBackward, sends_each_gradient_where_heads_share_a_memory_and_the_last_segment_is_partial) {
  expect_gradients<TypeParam>(
      {.batch = 2, .heads = 4, .groups = 2, .tokens = 45, .segment_length = 35, .key_width = 64, .value_width = 64},
      Layout::kTokensOutside);
}

TYPED_TEST(RetrieveBackward, takes_widths_that_differ) {
  expect_gradients<TypeParam>({.tokens = 40, .segment_length = 40, .key_width = 128, .value_width = 64},
                              Layout::kHeadsOutside);
  expect_gradients<TypeParam>({.tokens = 40, .segment_length = 40, .key_width = 64, .value_width = 128},
                              Layout::kHeadsOutside);
}

TYPED_TEST(RetrieveBackward, takes_the_widest_heads) {
  expect_gradients<TypeParam>({.heads = 2, .tokens = 50, .segment_length = 33, .key_width = 128, .value_width = 128},
                              Layout::kTokensOutside);
}

TYPED_TEST(RetrieveBackward, deals_a_long_segment_out_in_pieces_of_which_a_partial_one_leaves_some_without_rows) {
  expect_gradients<TypeParam>({.tokens = 560, .segment_length = 530, .key_width = 64, .value_width = 64},
                              Layout::kHeadsOutside);
}

TYPED_TEST(RetrieveBackward, takes_segments_of_one_token) {
  expect_gradients<TypeParam>({.heads = 2, .tokens = 3, .segment_length = 1, .key_width = 64, .value_width = 64},
                              Layout::kHeadsOutside);
}

TYPED_TEST(RetrieveBackward, passes_the_gradient_of_local_attention_through_where_the_memory_is_empty) {
  expect_gradients<TypeParam>(
      {.batch = 2, .heads = 2, .groups = 2, .tokens = 12, .segment_length = 5, .key_width = 64, .value_width = 64},
      Layout::kTokensOutside, {0, 4, 10});
}

}  // namespace
}  // namespace infini::ops::cuda
