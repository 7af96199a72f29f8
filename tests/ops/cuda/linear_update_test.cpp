#include "ops/cuda/linear_update.h"

#include "ops/cuda/kernel_test.h"

namespace infini::ops::cuda {
namespace {

template <typename T>
class LinearUpdate : public ::testing::Test {
 protected:
  static void expect_written(const Sizes& sizes, const Segments& segments, Layout layout, double lowest_key = -2,
                             double highest_key = 2) {
    const int64_t B = sizes.batch, G = sizes.groups, N = sizes.tokens, D = sizes.key_width, E = sizes.value_width;
    std::mt19937 random(1);
    const Numbers k = uniform<T>(B * G * N * D, random, lowest_key, highest_key);
    const Numbers v = uniform<T>(B * G * N * E, random, -1, 1);
    Activations<T> k_rows(k, B, G, N, D, layout), v_rows(v, B, G, N, E, layout);
    const Floats gain(segments.gain);
    const Numbers memories = reference::written_memories(sizes, segments, k, v);
    const Numbers norms = reference::written_norms(sizes, segments, k);
    // For the memory σ is rounded to an operand, and v where it is a half; exp, the sum of L products and the gain are
    // float. The norm sums σ as it is.
    const double sums = static_cast<double>(sizes.segment_length + 8) * float_roundoff;
    const double products = 1.01 * (operand_roundoff<T>() + conversion_roundoff<T>()) + sums;
    const Numbers memory_tolerance = scaled(reference::written_memories(sizes, segments, k, absolute(v)), products);

    host_cuda::on_every_schedule([&] {
      const int64_t states = B * G * sizes.segments();
      Floats memories_written(states * D * E), norms_written(states * D);
      launch_linear_update<T>(
          {extents_of(sizes), k_rows.rows(), v_rows.rows(), gain.data(), memories_written.data(), norms_written.data()},
          nullptr);
      expect_near_where_full(sizes, memories_written.numbers(), memories, memory_tolerance, D * E, "memories");
      expect_near_where_full(sizes, norms_written.numbers(), norms, scaled(norms, sums), D, "norms");
    });
  }
};
TYPED_TEST_SUITE(LinearUpdate, ActivationTypes, TypeName);

TYPED_TEST(LinearUpdate, writes_every_full_segment_of_every_row_and_head_times_its_gain) {
  this->expect_written(
      {.batch = 2, .groups = 2, .tokens = 75, .segment_length = 35, .key_width = 64, .value_width = 64},
      {{}, {1, 0.5, 2, 1.5, 1, 0.25}}, Layout::kTokensOutside);
}

TYPED_TEST(LinearUpdate, takes_widths_that_differ) {
  this->expect_written({.tokens = 40, .segment_length = 40, .key_width = 128, .value_width = 64}, {},
                       Layout::kHeadsOutside);
  this->expect_written({.tokens = 40, .segment_length = 40, .key_width = 64, .value_width = 128}, {},
                       Layout::kHeadsOutside);
}

TYPED_TEST(LinearUpdate, takes_the_widest_heads_and_more_tokens_than_fit_on_the_chip_at_once) {
  this->expect_written({.tokens = 150, .segment_length = 150, .key_width = 128, .value_width = 128}, {},
                       Layout::kTokensOutside);
}

TYPED_TEST(LinearUpdate, takes_segments_of_one_token) {
  this->expect_written({.groups = 2, .tokens = 3, .segment_length = 1, .key_width = 64, .value_width = 64}, {},
                       Layout::kTokensOutside);
}

TYPED_TEST(LinearUpdate, keeps_what_keys_far_below_zero_write) {
  this->expect_written({.tokens = 8, .segment_length = 4, .key_width = 64, .value_width = 64}, {},
                       Layout::kHeadsOutside, -20, -10);
}

TYPED_TEST(LinearUpdate, writes_nothing_of_less_than_a_segment) {
  this->expect_written({.tokens = 3, .segment_length = 4, .key_width = 64, .value_width = 64}, {},
                       Layout::kHeadsOutside);
}

}  // namespace
}  // namespace infini::ops::cuda
