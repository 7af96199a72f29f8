#include "ops/cuda/delta_update.h"

#include "ops/cuda/kernel_test.h"

namespace infini::ops::cuda {
namespace {

template <typename T>
class DeltaUpdate : public ::testing::Test {
 protected:
  static void expect_written(const Sizes& sizes, const Segments& segments, Layout layout,
                             const std::vector<int64_t>& empty = {}, double lowest_key = -2, double highest_key = 2) {
    std::mt19937 random(2);
    expect_written_after(random_states(sizes, random, empty).norms, sizes, segments, layout, lowest_key, highest_key);
  }

  static void expect_written_after(const Numbers& norms_before, const Sizes& sizes, const Segments& segments,
                                   Layout layout, double lowest_key, double highest_key) {
    const int64_t B = sizes.batch, G = sizes.groups, N = sizes.tokens, D = sizes.key_width, E = sizes.value_width;
    std::mt19937 random(1);
    const Numbers k = uniform<T>(B * G * N * D, random, lowest_key, highest_key);
    const Numbers v = uniform<T>(B * G * N * E, random, -1, 1);
    Activations<T> k_rows(k, B, G, N, D, layout), v_rows(v, B, G, N, E, layout);
    const Floats gain(segments.gain), norms_given(norms_before);
    const Numbers norms = reference::written_norms(sizes, segments, k);
    const Numbers memories = reference::written_memories(sizes, segments, k, v);
    const Numbers transitions = reference::transitions(sizes, segments, k, norms_before);
    // Rounded to operands are σ, and v where it is a half, for what is written; both factors σ/√(σ·z) of a transition,
    // of which all terms are positive. Denominators are float sums of D terms; exp, root and gain are off by a few
    // units.
    const double sums = static_cast<double>(sizes.segment_length + D + 16) * float_roundoff;
    const double operand = 1.01 * operand_roundoff<T>(), conversion = 1.01 * conversion_roundoff<T>();
    const Numbers memory_tolerance =
        scaled(reference::written_memories(sizes, segments, k, absolute(v)), operand + conversion + sums);

    host_cuda::on_every_schedule([&] {
      const int64_t states = B * G * sizes.segments();
      Floats norms_written(states * D), memories_written(states * D * E);
      Floats transitions_written(B * G * sizes.full_segments() * D * D);
      launch_written_norm<T>({extents_of(sizes), k_rows.rows(), gain.data(), norms_written.data()}, nullptr);
      launch_delta_update<T>({extents_of(sizes), k_rows.rows(), v_rows.rows(), gain.data(), norms_given.data(),
                              memories_written.data(), transitions_written.data()},
                             nullptr);
      expect_near_where_full(sizes, norms_written.numbers(), norms, scaled(norms, sums), D, "norms");
      expect_near_where_full(sizes, memories_written.numbers(), memories, memory_tolerance, D * E, "memories");
      expect_near(transitions_written.numbers(), transitions, scaled(transitions, 2 * operand + sums), "transitions");
    });
  }
};
TYPED_TEST_SUITE(DeltaUpdate, ActivationTypes, TypeName);

TYPED_TEST(DeltaUpdate, writes_and_takes_away_by_every_full_segment_times_its_gain) {
  this->expect_written(
      {.batch = 2, .groups = 2, .tokens = 75, .segment_length = 35, .key_width = 64, .value_width = 64},
      {{}, {1, 0.5, 2, 1.5, 1, 0.25}}, Layout::kTokensOutside);
}

TYPED_TEST(DeltaUpdate, takes_nothing_from_an_empty_memory) {
  this->expect_written({.groups = 2, .tokens = 12, .segment_length = 4, .key_width = 64, .value_width = 64}, {},
                       Layout::kHeadsOutside, {0, 4});
}

TYPED_TEST(DeltaUpdate, takes_nothing_where_a_denominator_cannot_be_inverted) {
  const Sizes sizes{.tokens = 8, .segment_length = 4, .key_width = 64, .value_width = 64};
  std::mt19937 random(1);
  const Numbers vanishing = scaled(random_states(sizes, random).norms, 0x1p-100);
  this->expect_written_after(vanishing, sizes, {}, Layout::kHeadsOutside, -20, -10);
}

TYPED_TEST(DeltaUpdate, takes_segments_of_one_token) {
  this->expect_written({.groups = 2, .tokens = 3, .segment_length = 1, .key_width = 64, .value_width = 64}, {},
                       Layout::kTokensOutside);
}

TYPED_TEST(DeltaUpdate, takes_widths_that_differ) {
  this->expect_written({.tokens = 40, .segment_length = 40, .key_width = 128, .value_width = 64}, {},
                       Layout::kHeadsOutside);
  this->expect_written({.tokens = 40, .segment_length = 40, .key_width = 64, .value_width = 128}, {},
                       Layout::kHeadsOutside);
}

TYPED_TEST(DeltaUpdate, takes_the_widest_heads_and_more_tokens_than_fit_on_the_chip_at_once) {
  this->expect_written({.tokens = 150, .segment_length = 150, .key_width = 128, .value_width = 128}, {},
                       Layout::kTokensOutside);
}

TYPED_TEST(DeltaUpdate, keeps_what_keys_far_below_zero_write_and_take_away) {
  this->expect_written({.tokens = 8, .segment_length = 4, .key_width = 64, .value_width = 64}, {},
                       Layout::kHeadsOutside, {}, -20, -10);
}

TYPED_TEST(DeltaUpdate, does_nothing_with_less_than_a_segment) {
  this->expect_written({.tokens = 3, .segment_length = 4, .key_width = 64, .value_width = 64}, {},
                       Layout::kHeadsOutside);
}

}  // namespace
}  // namespace infini::ops::cuda
