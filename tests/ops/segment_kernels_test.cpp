// Every copy of the segment kernels, one for each instruction set, against the plain double kernels, which gradcheck
// covers. What this machine cannot run is skipped.

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "ops/cpu/bfloat16_product.h"
#include "ops/cpu/instruction_set.h"
#include "ops/element_values.h"

namespace infini::ops::cpu {

namespace {

/// All results of reading and writing one segment, forward and backward, one after the other.
template <typename T>
std::vector<std::vector<double>> results(const SegmentKernels<T>& kernels, const Sizes& sizes) {
  using A = Arithmetic<T>;
  const int64_t n = sizes.tokens, H = sizes.heads, D = sizes.key_width, E = sizes.value_width;
  const auto q = narrowed<T>(draw(H * n * D, 1)), k = narrowed<T>(draw(n * D, 2)), v = narrowed<T>(draw(n * E, 3));
  const auto dout = narrowed<T>(draw(H * n * E, 4));
  const auto memory = narrowed<A>(draw(D * E, 5)), beta = narrowed<A>(draw(H, 6)),
             dmemory = narrowed<A>(draw(D * E, 7));
  auto norm = narrowed<A>(draw(D, 8));
  for (A& z : norm) z = std::abs(z) + 1;
  const auto dnorm = narrowed<A>(draw(D, 9));
  std::vector<A> cos, sin;
  for (int64_t t = 0; t < n; ++t) {
    for (int64_t i = 0; i < D; ++i) {
      const double angle =
          static_cast<double>(t) * std::pow(10000.0, -2.0 * static_cast<double>(i % (D / 2)) / static_cast<double>(D));
      cos.push_back(static_cast<A>(std::cos(angle)));
      sin.push_back(static_cast<A>(std::sin(angle)));
    }
  }
  std::vector<char> block(static_cast<size_t>(kernels.scratch_bytes(sizes)) + 64);
  char* const scratch = block.data() + (64 - reinterpret_cast<uintptr_t>(block.data()) % 64) % 64;
  const auto size = [](int64_t count) { return static_cast<size_t>(count); };

  std::vector<T> out(size(H * n * E)), local(size(H * n * E)), dq(size(H * n * D)), dk(size(n * D)), dv(size(n * E));
  std::vector<A> logsumexp(size(H * n)), along_norm(size(H * n)), dbeta(size(H));
  std::vector<A> read_dmemory(size(D * E)), read_dnorm(size(D)), written_norm(size(D)), written(size(D * E));
  std::vector<A> transition(size(D * D)), dnorm_before(size(D)), written_along_norm(size(n));
  std::vector<double> along_memory(size(H));

  Attend<T> attend{
      sizes, {q.data(), D},    n * D, {k.data(), D}, {v.data(), E}, {out.data(), E}, n * E,         {local.data(), E},
      n * E, logsumexp.data(), n,     cos.data(),    sin.data(),    beta.data(),     memory.data(), norm.data()};
  kernels.attend(attend, scratch);
  Write<T> write{sizes, {k.data(), D}, {v.data(), E}, A(2), norm.data(), written.data(), transition.data()};
  kernels.write_norm(write, written_norm.data());
  kernels.write(write, scratch);
  const AttendBackward<T> attend_backward{
      attend, {dout.data(), E}, n * E, read_dmemory.data(), read_dnorm.data(), along_memory.data(), along_norm.data(),
      n,      {dq.data(), D},   n * D, dbeta.data()};
  kernels.retrieve_backward(attend_backward, scratch);
  const WriteBackward<T> write_backward{sizes,         {k.data(), D}, {v.data(), E},  A(2),
                                        memory.data(), norm.data(),   dmemory.data(), written_along_norm.data(),
                                        dnorm.data()};
  kernels.norm_backward(write_backward, dnorm_before.data(), scratch);
  kernels.segment_backward({&attend_backward, &write_backward, sizes, {dk.data(), D}, {dv.data(), E}}, scratch);
  // Only read; only written, by the linear rule.
  std::vector<T> read_dk(size(n * D)), read_dv(size(n * E)), written_dk(size(n * D)), written_dv(size(n * E));
  kernels.segment_backward({&attend_backward, nullptr, sizes, {read_dk.data(), D}, {read_dv.data(), E}}, scratch);
  WriteBackward<T> linear_write_backward = write_backward;
  linear_write_backward.memory = linear_write_backward.norm = nullptr;
  kernels.segment_backward({nullptr, &linear_write_backward, sizes, {written_dk.data(), D}, {written_dv.data(), E}},
                           scratch);

  std::vector<std::vector<double>> all;
  const auto add = [&](const auto& values) {
    all.emplace_back();
    for (const auto value : values) all.back().push_back(widen(value));
  };
  add(out), add(local), add(dq), add(dk), add(dv);
  add(logsumexp), add(dbeta), add(read_dmemory), add(read_dnorm);
  add(written_norm), add(written), add(transition), add(dnorm_before);
  add(read_dk), add(read_dv), add(written_dk), add(written_dv);
  return all;
}

const char* const names[] = {"out",         "local",        "dq",         "dk",           "dv",        "logsumexp",
                             "dbeta",       "read dmemory", "read dnorm", "written norm", "written",   "transition",
                             "norm before", "read dk",      "read dv",    "written dk",   "written dv"};

/// The relative error of each result against the plain double kernels is at most `tolerance`.
template <typename T>
void expect_agreement(const SegmentKernels<T>& kernels, double tolerance) {
  // Whole blocks; ragged blocks, odd counts, D ≠ E, a group of two heads, the same with a last block of queries that is
  // more than a strip; widths that are no whole panels.
  for (const Sizes& sizes :
       {Sizes{384, 1, 64, 64}, Sizes{301, 2, 64, 128}, Sizes{463, 2, 128, 64}, Sizes{37, 2, 16, 24}}) {
    const auto got = results(kernels, sizes), want = results(baseline::double_kernels, sizes);
    for (size_t i = 0; i < want.size(); ++i) {
      double error = 0, whole = 0;
      for (size_t j = 0; j < want[i].size(); ++j) {
        error += std::pow(got[i][j] - want[i][j], 2);
        whole += std::pow(want[i][j], 2);
      }
      EXPECT_LE(std::sqrt(error / whole), tolerance)
          << names[i] << ", " << sizes.tokens << " tokens, D " << sizes.key_width;
    }
  }
}

// Sums of a few hundred terms in float; operands rounded to 8 or 11 bits in the narrow dtypes, whose errors add up in
// the gradients through two products.
constexpr double float_tolerance = 5e-6, bfloat16_tolerance = 2e-2, half_tolerance = 2e-3;

TEST(SegmentKernels, OfTheBaselineAgreeWithDouble) {
  expect_agreement(baseline::float_kernels, float_tolerance);
  expect_agreement(baseline::bfloat16_kernels, bfloat16_tolerance);
  expect_agreement(baseline::half_kernels, half_tolerance);
}

#ifdef __x86_64__
TEST(SegmentKernels, OfAvx2AgreeWithDouble) {
  if (!__builtin_cpu_supports("x86-64-v3")) GTEST_SKIP() << "this machine has no AVX2";
  expect_agreement(avx2::double_kernels, 1e-12);
  expect_agreement(avx2::float_kernels, float_tolerance);
  expect_agreement(avx2::bfloat16_kernels, bfloat16_tolerance);
  expect_agreement(avx2::half_kernels, half_tolerance);
}

TEST(SegmentKernels, OfAvx512AgreeWithDouble) {
  if (!__builtin_cpu_supports("x86-64-v4")) GTEST_SKIP() << "this machine has no AVX-512";
  expect_agreement(avx512::double_kernels, 1e-12);
  expect_agreement(avx512::float_kernels, float_tolerance);
  expect_agreement(avx512::bfloat16_kernels, bfloat16_tolerance);
  expect_agreement(avx512::half_kernels, half_tolerance);
}
#endif

TEST(Bfloat16Conversion, RoundsToTheNearestForAnyCount) {
  if (!has_bfloat16_product()) GTEST_SKIP() << "this machine has neither AVX-512 BF16 nor AMX";
  // Ties to both sides, carries into the exponent, overflow, and what is no number; then anything.
  std::vector<float> in = {1.00390625f, 1.01171875f, 1.99999f, 3.4e38f, -0.0f, INFINITY, -INFINITY, NAN};
  std::mt19937_64 generator(12);
  std::normal_distribution<float> normal;
  while (in.size() < 71) in.push_back(normal(generator));
  for (const size_t count : {size_t{3}, size_t{16}, size_t{40}, in.size()}) {
    std::vector<BFloat16> out(count + 1, BFloat16{0xabcd});
    convert(out.data(), in.data(), static_cast<int64_t>(count));
    for (size_t i = 0; i < count; ++i) {
      const float want = static_cast<float>(c10::BFloat16(in[i]));
      if (std::isnan(want)) {
        EXPECT_TRUE(std::isnan(widen(out[i])));
      } else {
        EXPECT_EQ(widen(out[i]), want) << in[i];
      }
    }
    EXPECT_EQ(out[count].bits, 0xabcd) << "wrote behind the end of " << count;
  }
}

TEST(Bfloat16Product, EqualsPlainLoopsForAnyNumberOfRows) {
  if (!has_bfloat16_product()) GTEST_SKIP() << "this machine has neither AVX-512 BF16 nor AMX";
  constexpr int64_t k = 26, stride = 30;
  const auto b = draw(k * 64, 10);
  std::vector<BFloat16> panel(static_cast<size_t>(k * 64));
  for (int64_t p = 0; p < k; ++p) {
    for (int64_t c = 0; c < 64; ++c) {
      panel[static_cast<size_t>((p / 2 * 64 + c) * 2 + p % 2)] = narrow<BFloat16>(b[static_cast<size_t>(p * 64 + c)]);
    }
  }
  for (const int64_t m : {1, 5, 6, 17}) {
    const auto a = draw(m * stride, 11);
    const auto rows = narrowed<BFloat16>(a);
    std::vector<float> c(static_cast<size_t>(m * 64), 1.0f);
    multiply_panel(m, k, rows.data(), stride, panel.data(), c.data(), 64, true);
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < 64; ++j) {
        double sum = 1;
        for (int64_t p = 0; p < k; ++p)
          sum += a[static_cast<size_t>(i * stride + p)] * b[static_cast<size_t>(p * 64 + j)];
        ASSERT_NEAR(c[static_cast<size_t>(i * 64 + j)], sum, 1e-4) << m << " rows, at " << i << ", " << j;
      }
    }
  }
}

}  // namespace
}  // namespace infini::ops::cpu
