// The kernels of the short convolution, one copy for each instruction set, and the composition of ATen's ops, which is
// for what has no kernel. The op itself is compared with torch's conv1d in tests/python.

#include "ops/short_convolution.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "ops/cpu/instruction_set.h"
#include "ops/element_values.h"
#include "ops/ops.h"

namespace infini::ops {
namespace {

using torch::Tensor;

/// Both kernels against plain loops in double, relative to what one rounding to T may change.
template <typename T>
void expect_plain_loops(const cpu::ShortConvolutionKernels<T>& kernels, double roundoff) {
  using A = cpu::Arithmetic<T>;
  // Whole groups of tokens; less than one; a remainder, and more channels than are taken at once; channels that fill no
  // vector.
  for (const auto& [tokens, channels] : {std::pair{8, 64}, std::pair{3, 16}, std::pair{11, 525}, std::pair{6, 5}}) {
    for (int64_t width = fewest_taps; width <= most_taps; ++width) {
      const int64_t rows = tokens + width - 1;
      const auto z = cpu::draw(rows * channels, 1), taps = cpu::draw(width * channels, 2),
                 dy = cpu::draw(tokens * channels, 3), before = cpu::draw(width * channels, 4);
      const auto narrow_z = cpu::narrowed<T>(z), narrow_dy = cpu::narrowed<T>(dy);
      const auto narrow_taps = cpu::narrowed<A>(taps);
      auto dtaps = cpu::narrowed<A>(before);
      std::vector<T> out(dy.size());
      std::vector<const T*> row_pointers, gradient_pointers;
      std::vector<T*> out_pointers;
      for (int64_t t = 0; t < rows; ++t) row_pointers.push_back(narrow_z.data() + t * channels);
      for (int64_t t = 0; t < tokens; ++t) {
        gradient_pointers.push_back(narrow_dy.data() + t * channels);
        out_pointers.push_back(out.data() + t * channels);
      }
      kernels.convolve({tokens, channels, width, row_pointers.data(), narrow_taps.data(), out_pointers.data()});
      kernels.add_tap_gradients({tokens, channels, width, row_pointers.data(), gradient_pointers.data(), dtaps.data()});
      const auto at = [&, channels = channels](const std::vector<double>& values, int64_t row, int64_t c) {
        return values[static_cast<size_t>(row * channels + c)];
      };
      for (int64_t c = 0; c < channels; ++c) {
        for (int64_t t = 0; t < tokens; ++t) {
          double sum = 0;
          for (int64_t i = 0; i < width; ++i) sum += at(taps, i, c) * at(z, t + i, c);
          ASSERT_NEAR(cpu::widen(out[static_cast<size_t>(t * channels + c)]), sum, roundoff * std::abs(sum) + 1e-5)
              << width << " taps, token " << t << ", channel " << c;
        }
        for (int64_t i = 0; i < width; ++i) {
          double sum = at(before, i, c);
          for (int64_t t = 0; t < tokens; ++t) sum += at(dy, t, c) * at(z, t + i, c);
          ASSERT_NEAR(static_cast<double>(dtaps[static_cast<size_t>(i * channels + c)]), sum, 1e-5)
              << width << " taps, tap " << i << ", channel " << c;
        }
      }
    }
  }
}

TEST(ShortConvolutionKernels, OfTheBaselineEqualPlainLoops) {
  expect_plain_loops(cpu::baseline::double_convolution_kernels, 0);
  expect_plain_loops(cpu::baseline::float_convolution_kernels, 0);
  expect_plain_loops(cpu::baseline::bfloat16_convolution_kernels, 0x1p-8);
  expect_plain_loops(cpu::baseline::half_convolution_kernels, 0x1p-11);
}

#ifdef __x86_64__
TEST(ShortConvolutionKernels, OfAvx2EqualPlainLoops) {
  if (!__builtin_cpu_supports("x86-64-v3")) GTEST_SKIP() << "this machine has no AVX2";
  expect_plain_loops(cpu::avx2::double_convolution_kernels, 0);
  expect_plain_loops(cpu::avx2::float_convolution_kernels, 0);
  expect_plain_loops(cpu::avx2::bfloat16_convolution_kernels, 0x1p-8);
  expect_plain_loops(cpu::avx2::half_convolution_kernels, 0x1p-11);
}

TEST(ShortConvolutionKernels, OfAvx512EqualPlainLoops) {
  if (!__builtin_cpu_supports("x86-64-v4")) GTEST_SKIP() << "this machine has no AVX-512";
  expect_plain_loops(cpu::avx512::double_convolution_kernels, 0);
  expect_plain_loops(cpu::avx512::float_convolution_kernels, 0);
  expect_plain_loops(cpu::avx512::bfloat16_convolution_kernels, 0x1p-8);
  expect_plain_loops(cpu::avx512::half_convolution_kernels, 0x1p-11);
}
#endif

TEST(ComposedShortConvolution, EqualsTheKernels) {
  torch::manual_seed(1);
  const auto options = torch::dtype(torch::kFloat64).requires_grad(true);
  const Tensor x = torch::randn({2, 11, 6}, options), before = torch::randn({2, 3, 6}, options);
  const Tensor weight = torch::randn({6, 1, 4}, options), gradient = torch::randn({2, 11, 6}, torch::kFloat64);
  const Tensor marks = torch::tensor({0, 1, 0, 1, 1, 0, 0, 0}).view({2, 4}).to(torch::kBool);
  for (const std::optional<Tensor>& starts : {std::optional<Tensor>(), std::optional<Tensor>(marks)}) {
    const Tensor y = short_convolution(x, before, weight, 3, starts);
    const auto want = torch::autograd::grad({y}, {x, before, weight}, {gradient});
    const torch::NoGradGuard no_graph;
    EXPECT_TRUE(at::allclose(composed_short_convolution(x, before, weight, 3, starts), y, 1e-12, 1e-12));
    const auto [dx, dbefore, dweight] =
        composed_short_convolution_backward(gradient, x, before, weight, 3, starts, {true, true, true});
    EXPECT_TRUE(at::allclose(dx, want[0], 1e-12, 1e-12));
    EXPECT_TRUE(at::allclose(dbefore, want[1], 1e-12, 1e-12));
    EXPECT_TRUE(at::allclose(dweight, want[2], 1e-12, 1e-12));
  }
}

}  // namespace
}  // namespace infini::ops
