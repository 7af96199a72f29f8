#include "ops/cuda/short_convolution.h"

#include "ops/cuda/kernel_test.h"

namespace infini::ops::cuda {
namespace {

using reference::Convolution;

ConvolutionExtents extents_of(const Convolution& sizes) {
  return {sizes.batch, sizes.tokens, sizes.channels, sizes.width, sizes.segment_length};
}

template <typename T>
DeviceBuffer<T> buffer_of(const Numbers& numbers) {
  std::vector<T> elements;
  for (const double x : numbers) elements.push_back(to_element<T>(x));
  return DeviceBuffer<T>(elements);
}

template <typename T>
Numbers numbers_in(const DeviceBuffer<T>& buffer) {
  Numbers numbers;
  for (const T x : buffer.to_host()) numbers.push_back(to_number(x));
  return numbers;
}

/// Of a sum of products in float, to which one rounding of the result is added. `magnitude`: the sum of their absolute
/// values; `terms`: how many are added one after the other.
Numbers tolerance_of(const Numbers& expected, const Numbers& magnitude, int64_t terms, double roundoff) {
  return sum(scaled(absolute(expected), roundoff * (1 + roundoff)),
             scaled(magnitude, 2 * static_cast<double>(terms) * float_roundoff));
}

template <typename T>
class ShortConvolution : public ::testing::Test {
 protected:
  static void expect_results(const Convolution& sizes) {
    const int64_t B = sizes.batch, N = sizes.tokens, C = sizes.channels, w = sizes.width;
    std::mt19937 random(1);
    const Numbers x = uniform<T>(B * N * C, random, -2, 2), before = uniform<T>(B * (w - 1) * C, random, -2, 2);
    const Numbers dy = uniform<T>(B * N * C, random, -2, 2), taps = uniform<float>(w * C, random, -1, 1);
    const DeviceBuffer<T> x_rows = buffer_of<T>(x), before_rows = buffer_of<T>(before), dy_rows = buffer_of<T>(dy);
    const Floats tap_rows(taps);
    const Starts starts(sizes.starts);
    const bool* const marks = sizes.starts.empty() ? nullptr : starts.data();
    const Numbers y_expected = reference::convolve(sizes, x, before, taps);
    const auto expected = reference::convolve_backward(sizes, x, before, taps, dy);
    const Numbers y_magnitude = reference::convolve(sizes, absolute(x), absolute(before), absolute(taps));
    const auto magnitude =
        reference::convolve_backward(sizes, absolute(x), absolute(before), absolute(taps), absolute(dy));
    const int64_t pieces = B * convolution_pieces(extents_of(sizes));

    host_cuda::on_every_schedule([&] {
      DeviceBuffer<T> y(x.size());
      launch_short_convolution<T>(
          {extents_of(sizes), x_rows.data(), before_rows.data(), tap_rows.data(), marks, y.data()}, nullptr);
      expect_near(numbers_in(y), y_expected, stored<T>(tolerance_of(y_expected, y_magnitude, w, roundoff<T>())), "y");

      const auto expect_gradients = [&](bool of_inputs, bool of_taps) {
        DeviceBuffer<T> dx(x.size()), dbefore(before.size());
        Floats dtaps(pieces * w * C);
        launch_short_convolution_backward<T>(
            {extents_of(sizes), dy_rows.data(), x_rows.data(), before_rows.data(), tap_rows.data(), marks,
             of_inputs ? dx.data() : nullptr, of_inputs ? dbefore.data() : nullptr, of_taps ? dtaps.data() : nullptr},
            nullptr);
        if (of_inputs) {
          const auto tolerance = [&](const Numbers& values, const Numbers& magnitudes) {
            return stored<T>(tolerance_of(values, magnitudes, w, roundoff<T>()));
          };
          expect_near(numbers_in(dx), expected.dx, tolerance(expected.dx, magnitude.dx), "dx");
          expect_near(numbers_in(dbefore), expected.dbefore, tolerance(expected.dbefore, magnitude.dbefore), "dbefore");
        }
        if (of_taps) {
          Numbers sums(taps.size(), 0.0);
          const Numbers shares = dtaps.numbers();
          for (size_t i = 0; i < shares.size(); ++i) sums[i % sums.size()] += shares[i];
          // The tokens of a run and those ahead of x, then the runs of a piece.
          expect_near(sums, expected.dtaps, tolerance_of(expected.dtaps, magnitude.dtaps, 16 + w + 8, 0), "dtaps");
        }
      };
      expect_gradients(true, true);
      expect_gradients(true, false);
      expect_gradients(false, true);
    });
  }
};
TYPED_TEST_SUITE(ShortConvolution, ActivationTypes, TypeName);

TYPED_TEST(ShortConvolution, of_every_width_goes_on_from_the_tokens_before) {
  for (int64_t width = 2; width <= 8; ++width) {
    this->expect_results({.batch = 2, .tokens = 20, .channels = 12, .width = width, .segment_length = 20});
  }
}

TYPED_TEST(ShortConvolution, takes_more_tokens_and_channels_than_a_block_has) {
  this->expect_results({.batch = 2, .tokens = 150, .channels = 132, .width = 4, .segment_length = 64});
}

TYPED_TEST(ShortConvolution, stops_where_documents_begin) {
  // In row 0 with the first token, and with two segments next to each other; in row 1 where a block begins, and with
  // the last, partial segment.
  std::vector<bool> starts(2 * 35, false);
  for (const int segment : {0, 7, 8, 35 + 32, 35 + 34}) starts[static_cast<size_t>(segment)] = true;
  this->expect_results({.batch = 2, .tokens = 138, .channels = 8, .width = 4, .segment_length = 4, .starts = starts});
}

TYPED_TEST(ShortConvolution, is_wider_than_a_segment_and_than_the_text) {
  this->expect_results(
      {.batch = 2, .tokens = 3, .channels = 4, .width = 8, .segment_length = 2, .starts = {false, true, false, false}});
  this->expect_results({.tokens = 1, .channels = 4, .width = 3, .segment_length = 1});
  this->expect_results(
      {.tokens = 5, .channels = 4, .width = 6, .segment_length = 1, .starts = {false, false, true, false, false}});
}

TEST(ShortConvolutionArguments, that_no_kernel_takes_are_refused) {
  ShortConvolutionArguments<float> arguments;
  arguments.extents = {.batch = 1, .tokens = 1, .channels = 6, .width = 4, .segment_length = 1};
  EXPECT_THROW(launch_short_convolution(arguments, nullptr), std::runtime_error);
  arguments.extents.channels = 8;
  arguments.extents.width = 9;
  EXPECT_THROW(launch_short_convolution(arguments, nullptr), std::runtime_error);
}

}  // namespace
}  // namespace infini::ops::cuda
