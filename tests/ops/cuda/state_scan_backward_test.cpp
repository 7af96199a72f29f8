#include "ops/cuda/state_scan_backward.h"

#include "ops/cuda/kernel_test.h"

namespace infini::ops::cuda {
namespace {

using reference::StateGradients;

struct Inputs {
  Numbers transitions, dmemories, dmemory_out, dnorms, dnorms_of_delta, dnorm_out;
};

/// `reads`: whether retrieval sent something; `last`: whether the last state has a gradient.
Inputs random_inputs(const Sizes& sizes, bool delta, bool reads, bool last) {
  std::mt19937 random(1);
  const int64_t pairs = sizes.batch * sizes.groups, P = pieces_per_segment(extents_of(sizes));
  const int64_t D = sizes.key_width, E = sizes.value_width, full = sizes.full_segments();
  const int64_t pieces = reads ? sizes.batch * sizes.heads * sizes.segments() * P : 0;
  return {uniform<float>(delta ? pairs * full * D * D : 0, random, -0.02, 0.02),
          uniform<float>(pieces * D * E, random, -1, 1),
          uniform<float>(last ? pairs * D * E : 0, random, -1, 1),
          uniform<float>(pieces * D, random, -1, 1),
          uniform<float>(delta ? pairs * full * P * D : 0, random, -1, 1),
          uniform<float>(last ? pairs * D : 0, random, -1, 1)};
}

struct Expected {
  StateGradients memory, norm;
};

Expected scan_backward(const Sizes& sizes, const Segments& segments, const Inputs& inputs) {
  const int64_t pairs = sizes.batch * sizes.groups, D = sizes.key_width, E = sizes.value_width;
  const auto or_zero = [](const Numbers& x, int64_t count) {
    return x.empty() ? Numbers(static_cast<size_t>(count)) : x;
  };
  return {
      reference::scan_memory_backward(sizes, segments, inputs.transitions,
                                      sum_of_pieces(sizes, inputs.dmemories, sizes.heads, sizes.segments(), D * E),
                                      or_zero(inputs.dmemory_out, pairs * D * E)),
      reference::scan_norm_backward(
          sizes, segments, sum_of_pieces(sizes, inputs.dnorms_of_delta, sizes.groups, sizes.full_segments(), D),
          sum_of_pieces(sizes, inputs.dnorms, sizes.heads, sizes.segments(), D), or_zero(inputs.dnorm_out, pairs * D))};
}

void expect_gradients(const Sizes& sizes, bool delta, const Segments& segments, bool reads = true, bool last = true) {
  const int64_t D = sizes.key_width, E = sizes.value_width, pairs = sizes.batch * sizes.groups;
  const int64_t full = sizes.full_segments();
  const Inputs inputs = random_inputs(sizes, delta, reads, last);
  const Expected expected = scan_backward(sizes, segments, inputs);
  // With every term taken as positive: what rounding errors are relative to. In each segment float sums of at most D
  // products and of all pieces of all heads; the error of one goes into all earlier ones.
  const Expected magnitude =
      scan_backward(sizes, segments,
                    {scaled(absolute(inputs.transitions), -1), absolute(inputs.dmemories), absolute(inputs.dmemory_out),
                     absolute(inputs.dnorms), absolute(inputs.dnorms_of_delta), absolute(inputs.dnorm_out)});
  const int64_t pieces = pieces_per_segment(extents_of(sizes)) * (sizes.heads / sizes.groups + 1);
  const double error = static_cast<double>(sizes.segments() * ((delta ? D : 0) + pieces + 4)) * float_roundoff;

  const Starts starts(segments.starts);
  // No pointer is the linear rule, also where no segment is full.
  const Floats transitions(delta && inputs.transitions.empty() ? Numbers(1) : inputs.transitions);
  const Floats dmemories(inputs.dmemories), dmemory_out(inputs.dmemory_out);
  const Floats dnorms(inputs.dnorms), dnorms_of_delta(inputs.dnorms_of_delta), dnorm_out(inputs.dnorm_out);
  const auto arguments_of = [&](Floats& dmemories_after, Floats& dmemory_in, Floats& dnorms_after, Floats& dnorm_in) {
    StateScanBackwardArguments arguments;
    arguments.extents = extents_of(sizes);
    arguments.starts = starts.data();
    arguments.transitions = transitions.data();
    arguments.dmemories = dmemories.data();
    arguments.dmemory_out = dmemory_out.data();
    arguments.dmemories_after = dmemories_after.data();
    arguments.dmemory_in = dmemory_in.data();
    arguments.dnorms = dnorms.data();
    arguments.dnorms_of_delta = dnorms_of_delta.data();
    arguments.dnorm_out = dnorm_out.data();
    arguments.dnorms_after = dnorms_after.data();
    arguments.dnorm_in = dnorm_in.data();
    return arguments;
  };
  const auto expect = [&](const Floats& actual, const Numbers& wanted, const Numbers& size, const char* what) {
    expect_near(actual.numbers(), wanted, scaled(size, error), what);
  };
  const auto expect_memory = [&](const Floats& after, const Floats& before) {
    expect(after, of_full_segments(sizes, expected.memory.after, D * E),
           of_full_segments(sizes, magnitude.memory.after, D * E), "dM after each segment");
    expect(before, expected.memory.before, magnitude.memory.before, "dM");
  };
  const auto expect_norm = [&](const Floats& after, const Floats& before) {
    expect(after, of_full_segments(sizes, expected.norm.after, D), of_full_segments(sizes, magnitude.norm.after, D),
           "dz after each segment");
    expect(before, expected.norm.before, magnitude.norm.before, "dz");
  };
  host_cuda::on_every_schedule([&] {
    {
      Floats dmemories_after(pairs * full * D * E), dmemory_in(pairs * D * E);
      Floats dnorms_after(pairs * full * D), dnorm_in(pairs * D);
      launch_state_scan_backward(arguments_of(dmemories_after, dmemory_in, dnorms_after, dnorm_in), nullptr);
      expect_memory(dmemories_after, dmemory_in);
      expect_norm(dnorms_after, dnorm_in);
    }
    if (!last) return;
    {
      // In place, the memory and the norm each by itself.
      Floats dmemories_after(pairs * full * D * E), dmemory(inputs.dmemory_out);
      Floats dnorms_after(pairs * full * D), dnorm(inputs.dnorm_out);
      StateScanBackwardArguments memory_alone = arguments_of(dmemories_after, dmemory, dnorms_after, dnorm);
      memory_alone.dmemory_out = dmemory.data();
      memory_alone.dnorm_in = nullptr;
      launch_state_scan_backward(memory_alone, nullptr);
      EXPECT_EQ(dnorm.numbers(), inputs.dnorm_out) << "the norm was to be left out";
      StateScanBackwardArguments norm_alone = arguments_of(dmemories_after, dmemory, dnorms_after, dnorm);
      norm_alone.dnorm_out = dnorm.data();
      norm_alone.dmemory_in = nullptr;
      launch_state_scan_backward(norm_alone, nullptr);
      expect_memory(dmemories_after, dmemory);
      expect_norm(dnorms_after, dnorm);
    }
  });
}

constexpr Sizes ragged{
    .batch = 2, .heads = 4, .groups = 2, .tokens = 13, .segment_length = 2, .key_width = 64, .value_width = 64};
const Segments with_starts{{false, false, true, false, true, false, true,  //
                            true, false, false, false, false, true, false},
                           {}};

TEST(StateScanBackward, by_the_linear_rule_sums_over_heads_and_later_segments_and_lets_nothing_past_a_start) {
  expect_gradients(ragged, false, with_starts);
}

TEST(StateScanBackward, by_the_delta_rule_goes_through_each_transition_and_lets_nothing_past_a_start) {
  expect_gradients(ragged, true, with_starts);
}

TEST(StateScanBackward, takes_widths_that_differ_and_the_widest) {
  for (const bool delta : {false, true}) {
    expect_gradients({.tokens = 6, .segment_length = 2, .key_width = 128, .value_width = 64}, delta, {});
    expect_gradients({.tokens = 6, .segment_length = 2, .key_width = 64, .value_width = 128}, delta, {});
    expect_gradients({.tokens = 5, .segment_length = 2, .key_width = 128, .value_width = 128}, delta, {});
  }
}

TEST(StateScanBackward, sums_over_the_pieces_of_a_long_segment) {
  for (const bool delta : {false, true}) {
    expect_gradients({.heads = 2, .tokens = 1100, .segment_length = 550, .key_width = 64, .value_width = 64}, delta,
                     {});
  }
}

TEST(StateScanBackward, takes_what_was_not_read_and_a_last_state_without_gradient) {
  for (const bool delta : {false, true}) {
    expect_gradients(ragged, delta, with_starts, false, true);
    expect_gradients(ragged, delta, with_starts, true, false);
  }
}

TEST(StateScanBackward, hands_the_gradient_on_where_no_segment_is_full) {
  for (const bool delta : {false, true}) {
    expect_gradients({.tokens = 1, .segment_length = 2, .key_width = 64, .value_width = 64}, delta, {});
  }
}

}  // namespace
}  // namespace infini::ops::cuda
