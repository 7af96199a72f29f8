#include "ops/cuda/update_backward.h"

#include "ops/cuda/kernel_test.h"

namespace infini::ops::cuda {
namespace {

/// What the kernel is given beside k and v.
struct StatesAndGradients {
  Numbers dmemories_after, dnorms_after, norms, couplings;
};

StatesAndGradients random_gradients(const Sizes& sizes, bool delta, std::mt19937& random) {
  const int64_t count = sizes.batch * sizes.groups * sizes.segments(), D = sizes.key_width, E = sizes.value_width;
  StatesAndGradients states{
      uniform<float>(count * D * E, random, -1, 1), uniform<float>(count * D, random, -1, 1),
      uniform<float>(count * D, random, 0.5, 2),
      uniform<float>(delta ? sizes.batch * sizes.groups * sizes.full_segments() * D * D : 0, random, -1, 1)};
  // Symmetric, as every coupling is.
  for (int64_t i = 0; i < static_cast<int64_t>(states.couplings.size()); ++i) {
    const int64_t row = i / D % D, column = i % D, mirrored = i + (column - row) * D + (row - column);
    if (column > row) states.couplings.at(static_cast<size_t>(i)) = states.couplings.at(static_cast<size_t>(mirrored));
  }
  return states;
}

/// Calls body(b, g, s, row) for every token of a full segment.
template <typename Body>
void for_each_written_token(const Sizes& sizes, const Body& body) {
  for (int64_t b = 0; b < sizes.batch; ++b) {
    for (int64_t g = 0; g < sizes.groups; ++g) {
      for (int64_t t = 0; t < sizes.full_segments() * sizes.segment_length; ++t) {
        body(b, g, sizes.segment_of(t), sizes.key_row(b, g, t));
      }
    }
  }
}

/// Each dk [B,G,N,D] with every term taken as positive: what rounding errors are relative to. `weights` [B,G,F·L] as
/// `reference::delta_weights` gives them, nothing for the linear rule.
Numbers magnitude_of_dk(const Sizes& sizes, const Segments& segments, const Numbers& k, const Numbers& v,
                        const StatesAndGradients& states, const Numbers& weights) {
  const int64_t D = sizes.key_width, E = sizes.value_width;
  Numbers magnitudes(k.size(), 0.0);
  size_t next_weight = 0;
  for_each_written_token(sizes, [&](int64_t b, int64_t g, int64_t s, int64_t row) {
    const double gain = segments.gain.empty() ? 1 : segments.gain.at(static_cast<size_t>(b * sizes.segments() + s));
    const int64_t state = sizes.state(b, g, s);
    const double *const z = &states.norms[state * D], *const dz = &states.dnorms_after[state * D];
    const double* const dM = &states.dmemories_after[state * D * E];
    const double* const C = weights.empty() ? nullptr : &states.couplings[sizes.transition(b, g, s) * D * D];
    const double weight = weights.empty() ? 0 : std::fabs(weights.at(next_weight++));
    double denominator = 0;
    for (int64_t i = 0; i < D; ++i) denominator += reference::sigma(k[row * D + i]) * z[i];
    for (int64_t i = 0; i < D; ++i) {
      double magnitude = gain * std::fabs(dz[i]) + weight * z[i];
      for (int64_t e = 0; e < E; ++e) magnitude += gain * std::fabs(dM[i * E + e] * v[row * E + e]);
      for (int64_t j = 0; C != nullptr && j < D; ++j) {
        magnitude += std::fabs(C[i * D + j]) * reference::sigma(k[row * D + j]) / denominator;
      }
      magnitudes[row * D + i] = magnitude * reference::sigma_derivative(k[row * D + i]);
    }
  });
  return magnitudes;
}

template <typename T>
class UpdateBackward : public ::testing::Test {
 protected:
  static void expect_gradients(const Sizes& sizes, bool delta, const Segments& segments, Layout layout,
                               double lowest_key = -2) {
    const int64_t B = sizes.batch, G = sizes.groups, N = sizes.tokens, D = sizes.key_width, E = sizes.value_width;
    std::mt19937 random(1);
    const Numbers k = uniform<T>(B * G * N * D, random, lowest_key, 2), v = uniform<T>(B * G * N * E, random, -1, 1);
    const Numbers dv_local = uniform<T>(B * G * N * E, random, -1, 1);
    const StatesAndGradients states = random_gradients(sizes, delta, random);
    const Numbers weights = delta ? reference::delta_weights(sizes, k, states.norms, states.couplings) : Numbers{};
    const Numbers dk_magnitude = magnitude_of_dk(sizes, segments, k, v, states, weights);
    auto expected = reference::write_backward(sizes, segments, k, v, states.norms, states.couplings,
                                              states.dmemories_after, states.dnorms_after);
    const Numbers no_values(v.size(), 0.0);
    const auto dv_magnitude =
        sum(absolute(dv_local), reference::write_backward(sizes, segments, k, no_values, states.norms, {},
                                                          absolute(states.dmemories_after), states.dnorms_after)
                                    .dv);
    expected.dv = sum(expected.dv, dv_local);

    Activations<T> k_rows(k, B, G, N, D, layout), v_rows(v, B, G, N, E, layout);
    Activations<T> local_rows(dv_local, B, G, N, E, Layout::kHeadsOutside);
    const Floats gain(segments.gain), norms(states.norms), couplings(states.couplings), weight_values(weights);
    const Floats dmemories(of_full_segments(sizes, states.dmemories_after, D * E));
    const Floats dnorms(of_full_segments(sizes, states.dnorms_after, D));

    host_cuda::on_every_schedule([&] {
      Activations<T> dk(B, G, N, D, layout), dv(B, G, N, E, layout);
      launch_update_backward<T>(
          {extents_of(sizes), k_rows.rows(), v_rows.rows(), gain.data(), dmemories.data(), dnorms.data(), norms.data(),
           couplings.data(), weight_values.data(), local_rows.rows(), dk.heads(), dv.heads()},
          nullptr);
      // Rounded to operands are σ and c·dM, for dv; c·dM and a half's v, C, σ of which r is made and r·σ, and σ of
      // which σ′ is made, for dk. Sums are float, of at most 2D + E terms; exp, the reciprocal and the gain are off by
      // a few units.
      const double operand = 1.01 * operand_roundoff<T>(), conversion = 1.01 * conversion_roundoff<T>();
      const double output = 1.01 * roundoff<T>();
      const double sums = static_cast<double>(2 * D + E + 16) * float_roundoff;
      expect_written(sizes, dv.numbers(), expected.dv, stored<T>(scaled(dv_magnitude, 2 * operand + output + sums)), E,
                     "dv");
      expect_written(sizes, dk.numbers(), expected.dk,
                     stored<T>(scaled(dk_magnitude, 4 * operand + conversion + output + sums)), D, "dk");
    });
  }

 private:
  /// Near where a full segment is; elsewhere left alone, which is NaN.
  static void expect_written(const Sizes& sizes, Numbers actual, Numbers expected, const Numbers& tolerance,
                             int64_t width, const char* what) {
    for (size_t i = 0; i < actual.size(); ++i) {
      const int64_t token = static_cast<int64_t>(i) / width % sizes.tokens;
      if (token < sizes.full_segments() * sizes.segment_length) continue;
      EXPECT_TRUE(std::isnan(actual[i])) << what << " of a partial segment was written";
      actual[i] = expected[i] = 0;
    }
    expect_near(actual, expected, tolerance, what);
  }
};
TYPED_TEST_SUITE(UpdateBackward, ActivationTypes, TypeName);

constexpr Sizes ragged{
    .batch = 2, .heads = 2, .groups = 2, .tokens = 75, .segment_length = 35, .key_width = 64, .value_width = 64};
const Segments with_gain{{}, {1, 0.5, 2, 1.5, 1, 0.25}};

TYPED_TEST(UpdateBackward, by_the_linear_rule_leaves_a_partial_segment_alone_and_scales_by_the_gain) {
  this->expect_gradients(ragged, false, with_gain, Layout::kTokensOutside);
}

TYPED_TEST(UpdateBackward, by_the_delta_rule_leaves_a_partial_segment_alone_and_scales_by_the_gain) {
  this->expect_gradients(ragged, true, with_gain, Layout::kTokensOutside);
}

TYPED_TEST(UpdateBackward, takes_widths_that_differ) {
  for (const bool delta : {false, true}) {
    this->expect_gradients({.tokens = 33, .segment_length = 33, .key_width = 128, .value_width = 64}, delta, {},
                           Layout::kHeadsOutside);
    this->expect_gradients({.tokens = 33, .segment_length = 33, .key_width = 64, .value_width = 128}, delta, {},
                           Layout::kHeadsOutside);
  }
}

TYPED_TEST(UpdateBackward, takes_the_widest_heads) {
  for (const bool delta : {false, true}) {
    this->expect_gradients({.tokens = 40, .segment_length = 20, .key_width = 128, .value_width = 128}, delta, {},
                           Layout::kTokensOutside);
  }
}

TYPED_TEST(UpdateBackward, deals_a_long_segment_out_in_pieces) {
  this->expect_gradients({.tokens = 530, .segment_length = 530, .key_width = 64, .value_width = 64}, true, {},
                         Layout::kHeadsOutside);
}

TYPED_TEST(UpdateBackward, keeps_the_small_derivatives_of_keys_far_below_zero) {
  this->expect_gradients({.tokens = 8, .segment_length = 4, .key_width = 64, .value_width = 64}, true, {},
                         Layout::kHeadsOutside, -20);
}

TYPED_TEST(UpdateBackward, does_nothing_without_a_full_segment) {
  this->expect_gradients({.tokens = 3, .segment_length = 4, .key_width = 64, .value_width = 64}, false, {},
                         Layout::kHeadsOutside);
}

}  // namespace
}  // namespace infini::ops::cuda
