#include "ops/cuda/delta_update_backward.h"

#include "ops/cuda/kernel_test.h"

namespace infini::ops::cuda {
namespace {

template <typename T>
class DeltaUpdateBackward : public ::testing::Test {
 protected:
  static void expect_couplings(const Sizes& sizes, const Segments& segments) {
    const int64_t B = sizes.batch, G = sizes.groups, D = sizes.key_width, E = sizes.value_width;
    std::mt19937 random(1);
    const Numbers memories = random_states(sizes, random).memories, dmemories = random_states(sizes, random).memories;
    const Numbers expected = reference::couplings(sizes, segments, memories, dmemories);
    // M and dM are rounded to operands; sums of 2E products are float.
    const double error = 1.01 * 2 * operand_roundoff<T>() + static_cast<double>(2 * E + 4) * float_roundoff;
    const Numbers tolerance =
        scaled(reference::couplings(sizes, segments, absolute(memories), absolute(dmemories)), error);
    const Floats gain(segments.gain), memory_values(memories);
    const Floats dmemories_after(of_full_segments(sizes, dmemories, D * E));
    host_cuda::on_every_schedule([&] {
      Floats couplings(B * G * sizes.full_segments() * D * D);
      launch_delta_coupling<T>(
          {extents_of(sizes), gain.data(), memory_values.data(), dmemories_after.data(), couplings.data()}, nullptr);
      expect_near(couplings.numbers(), expected, tolerance, "couplings");
    });
  }

  static void expect_norm_gradients(const Sizes& sizes, Layout layout, const std::vector<int64_t>& empty = {},
                                    double lowest_key = -2, double highest_key = 2) {
    const int64_t B = sizes.batch, G = sizes.groups, N = sizes.tokens, D = sizes.key_width;
    const int64_t full = sizes.full_segments(), P = pieces_per_segment(extents_of(sizes));
    std::mt19937 random(1);
    const Numbers k = uniform<T>(B * G * N * D, random, lowest_key, highest_key);
    const Numbers norms = random_states(sizes, random, empty).norms;
    const Numbers couplings = uniform<float>(B * G * full * D * D, random, -1, 1);
    const Numbers expected = reference::delta_norm_backward(sizes, k, norms, couplings);
    const Numbers expected_weights = reference::delta_weights(sizes, k, norms, couplings);
    // Rounded to operands are C and σ, which enters a weight four times over: twice by the form, twice by r² that is
    // made of it; and dz once more. Sums are float: a weight's of D numbers four times over, and then those of L
    // tokens.
    const double operand = 1.01 * operand_roundoff<T>(), sums = static_cast<double>(4 * D + 32) * float_roundoff;
    const double sum_of_tokens = static_cast<double>(sizes.segment_length) * float_roundoff;
    const Numbers weight_tolerance =
        scaled(reference::delta_weights(sizes, k, norms, absolute(couplings)), 5 * operand + sums);
    const Numbers tolerance = scaled(reference::delta_norm_backward(sizes, k, norms, absolute(couplings)),
                                     6 * operand + sums + sum_of_tokens);

    Activations<T> k_rows(k, B, G, N, D, layout);
    const Floats norm_values(norms), coupling_values(couplings);
    host_cuda::on_every_schedule([&] {
      Floats dnorms(B * G * full * P * D), weights(B * G * full * sizes.segment_length);
      launch_delta_norm_backward<T>(
          {extents_of(sizes), k_rows.rows(), norm_values.data(), coupling_values.data(), dnorms.data(), weights.data()},
          nullptr);
      expect_near(sum_of_pieces(sizes, dnorms.numbers(), G, full, D), expected, tolerance, "dz");
      expect_near(weights.numbers(), expected_weights, weight_tolerance, "weights");
    });
  }
};
TYPED_TEST_SUITE(DeltaUpdateBackward, ActivationTypes, TypeName);

TYPED_TEST(DeltaUpdateBackward, couples_memory_and_gradient_of_every_full_segment_times_its_gain) {
  this->expect_couplings(
      {.batch = 2, .groups = 2, .tokens = 5, .segment_length = 2, .key_width = 64, .value_width = 64},
      {{}, {1, 0.5, 2, 1.5, 1, 0.25}});
}

TYPED_TEST(DeltaUpdateBackward, couples_in_widths_that_differ_and_the_widest) {
  this->expect_couplings({.tokens = 2, .segment_length = 1, .key_width = 128, .value_width = 64}, {});
  this->expect_couplings({.tokens = 2, .segment_length = 1, .key_width = 64, .value_width = 128}, {});
  this->expect_couplings({.tokens = 2, .segment_length = 1, .key_width = 128, .value_width = 128}, {});
}

TYPED_TEST(DeltaUpdateBackward, sends_to_the_norm_of_every_full_segment) {
  this->expect_norm_gradients(
      {.batch = 2, .groups = 2, .tokens = 75, .segment_length = 35, .key_width = 64, .value_width = 64},
      Layout::kTokensOutside);
}

TYPED_TEST(DeltaUpdateBackward, sends_to_the_norm_of_wide_heads) {
  this->expect_norm_gradients({.tokens = 80, .segment_length = 40, .key_width = 128, .value_width = 128},
                              Layout::kHeadsOutside);
}

TYPED_TEST(DeltaUpdateBackward, sends_nothing_to_the_norm_of_an_empty_memory) {
  this->expect_norm_gradients({.groups = 2, .tokens = 12, .segment_length = 4, .key_width = 64, .value_width = 64},
                              Layout::kHeadsOutside, {0, 4});
}

TYPED_TEST(DeltaUpdateBackward, deals_a_long_segment_out_in_pieces) {
  this->expect_norm_gradients({.tokens = 530, .segment_length = 530, .key_width = 64, .value_width = 64},
                              Layout::kHeadsOutside);
}

TYPED_TEST(DeltaUpdateBackward, takes_segments_of_one_token_and_less_than_a_segment) {
  this->expect_norm_gradients({.groups = 2, .tokens = 3, .segment_length = 1, .key_width = 64, .value_width = 64},
                              Layout::kTokensOutside);
  this->expect_couplings({.tokens = 1, .segment_length = 2, .key_width = 64, .value_width = 64}, {});
  this->expect_norm_gradients({.tokens = 1, .segment_length = 2, .key_width = 64, .value_width = 64},
                              Layout::kHeadsOutside);
}

TYPED_TEST(DeltaUpdateBackward, keeps_what_keys_far_below_zero_send) {
  this->expect_norm_gradients({.tokens = 8, .segment_length = 4, .key_width = 64, .value_width = 64},
                              Layout::kHeadsOutside, {}, -20, -10);
}

}  // namespace
}  // namespace infini::ops::cuda
