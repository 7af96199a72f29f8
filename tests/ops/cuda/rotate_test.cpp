#include "ops/cuda/rotate.h"

#include "ops/cuda/kernel_test.h"

namespace infini::ops::cuda {
namespace {

template <typename T>
class Rotate : public ::testing::Test {
 protected:
  static void expect_turned_back(const Sizes& sizes, Layout layout) {
    const int64_t B = sizes.batch, H = sizes.heads, G = sizes.groups, N = sizes.tokens, D = sizes.key_width;
    std::mt19937 random(1);
    const Numbers dq_rotated = uniform<T>(B * H * N * D, random, -2, 2),
                  dk_rotated = uniform<T>(B * G * N * D, random, -2, 2);
    const Numbers dq_memory = uniform<T>(B * H * N * D, random, -2, 2),
                  dk_memory = uniform<T>(B * G * N * D, random, -2, 2);
    const Numbers cos = uniform<float>(sizes.segment_length * D, random, -1, 1);
    const Numbers sin = uniform<float>(sizes.segment_length * D, random, -1, 1);
    Activations<T> dq_rows(dq_rotated, B, H, N, D, layout), dk_rows(dk_rotated, B, G, N, D, layout);
    const Floats cos_table(cos), sin_table(sin);

    host_cuda::on_every_schedule([&] {
      Activations<T> dq(dq_memory, B, H, N, D, layout), dk(dk_memory, B, G, N, D, layout);
      launch_rotate_backward<T>({extents_of(sizes), dq_rows.rows(), dk_rows.rows(), cos_table.data(), sin_table.data(),
                                 dq.heads(), dk.heads()},
                                nullptr);
      // As forward, with one more sum of numbers up to 6.
      const auto expect = [&](const Numbers& actual, const Numbers& expected, const char* what) {
        Numbers tolerance = scaled(absolute(expected), roundoff<T>() * (1 + roundoff<T>()));
        for (double& x : tolerance) x += (4 * 4 + 6) * float_roundoff;
        expect_near(actual, expected, tolerance, what);
      };
      expect(dq.numbers(), sum(reference::rotate_backward(sizes, H, dq_rotated, cos, sin), dq_memory), "dq");
      expect(dk.numbers(), sum(reference::rotate_backward(sizes, G, dk_rotated, cos, sin), dk_memory), "dk");
    });
  }

  static void expect_rotated(const Sizes& sizes, Layout layout) {
    const int64_t B = sizes.batch, H = sizes.heads, G = sizes.groups, N = sizes.tokens, D = sizes.key_width;
    std::mt19937 random(1);
    const Numbers q = uniform<T>(B * H * N * D, random, -2, 2), k = uniform<T>(B * G * N * D, random, -2, 2);
    // Halves that differ, as a table might have them.
    const Numbers cos = uniform<float>(sizes.segment_length * D, random, -1, 1);
    const Numbers sin = uniform<float>(sizes.segment_length * D, random, -1, 1);
    Activations<T> q_rows(q, B, H, N, D, layout), k_rows(k, B, G, N, D, layout);
    const Floats cos_table(cos), sin_table(sin);

    host_cuda::on_every_schedule([&] {
      Activations<T> q_rotated(B, H, N, D, layout), k_rotated(B, G, N, D, layout);
      launch_rotate<T>({extents_of(sizes), q_rows.rows(), k_rows.rows(), cos_table.data(), sin_table.data(),
                        q_rotated.heads(), k_rotated.heads()},
                       nullptr);
      // Two products and their sum in float, each off by half a unit of numbers up to 4, then one rounding to T.
      const auto expect = [&](const Numbers& actual, const Numbers& expected, const char* what) {
        Numbers tolerance = scaled(absolute(expected), roundoff<T>() * (1 + roundoff<T>()));
        for (double& x : tolerance) x += 4 * 4 * float_roundoff;
        expect_near(actual, expected, tolerance, what);
      };
      expect(q_rotated.numbers(), reference::rotate(sizes, H, q, cos, sin), "q");
      expect(k_rotated.numbers(), reference::rotate(sizes, G, k, cos, sin), "k");
    });
  }
};
TYPED_TEST_SUITE(Rotate, ActivationTypes, TypeName);

TYPED_TEST(Rotate, turns_queries_and_keys_by_their_position_in_the_segment) {
  this->expect_rotated({.heads = 2, .groups = 1, .tokens = 50, .segment_length = 16, .key_width = 128},
                       Layout::kHeadsOutside);
}

TYPED_TEST(Rotate, reads_and_writes_strided_rows_of_several_batches_and_more_heads_than_a_thread_takes) {
  this->expect_rotated({.batch = 2, .heads = 6, .groups = 3, .tokens = 7, .segment_length = 5, .key_width = 64},
                       Layout::kTokensOutside);
}

TYPED_TEST(Rotate, turns_less_than_a_segment) {
  this->expect_rotated({.tokens = 1, .segment_length = 3, .key_width = 64}, Layout::kHeadsOutside);
}

TYPED_TEST(Rotate, adds_the_gradient_turned_back_to_what_came_through_the_memory) {
  this->expect_turned_back({.heads = 2, .groups = 1, .tokens = 50, .segment_length = 16, .key_width = 128},
                           Layout::kHeadsOutside);
  this->expect_turned_back({.batch = 2, .heads = 6, .groups = 3, .tokens = 7, .segment_length = 5, .key_width = 64},
                           Layout::kTokensOutside);
}

TEST(RotateArguments, of_a_width_that_no_kernel_has_are_refused) {
  RotateArguments<float> arguments;
  arguments.extents = {.batch = 1, .heads = 1, .groups = 1, .tokens = 1, .segment_length = 1, .key_width = 96};
  EXPECT_THROW(launch_rotate(arguments, nullptr), std::runtime_error);
}

}  // namespace
}  // namespace infini::ops::cuda
