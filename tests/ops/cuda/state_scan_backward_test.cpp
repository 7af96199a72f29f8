#include "ops/cuda/state_scan_backward.h"

#include "ops/cuda/kernel_test.h"

namespace infini::ops::cuda {
namespace {

using reference::StateGradients;

/// The sums of [B,H,S,P,size] over pieces and the heads of each group [B,G,S,size], which is what the reference takes.
Numbers summed(const Sizes& sizes, const Numbers& pieces, int64_t heads, int64_t segments, int64_t size) {
  const int64_t P = pieces_per_segment(extents_of(sizes)), heads_per_group = heads / sizes.groups;
  Numbers sums(static_cast<size_t>(sizes.batch * sizes.groups * sizes.segments() * size), 0.0);
  for (int64_t i = 0; i < static_cast<int64_t>(pieces.size()); ++i) {
    const int64_t segment = i / size / P % segments, head = i / size / P / segments % heads;
    const int64_t batch = i / size / P / segments / heads;
    sums.at(static_cast<size_t>(sizes.state(batch, head / heads_per_group, segment) * size + i % size)) +=
        pieces.at(static_cast<size_t>(i));
  }
  return sums;
}

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
  const Numbers through_delta = inputs.dnorms_of_delta.empty()
                                    ? Numbers{}
                                    : summed(sizes, inputs.dnorms_of_delta, sizes.groups, sizes.full_segments(), D);
  return {reference::scan_memory_backward(sizes, segments, inputs.transitions,
                                          summed(sizes, inputs.dmemories, sizes.heads, sizes.segments(), D * E),
                                          or_zero(inputs.dmemory_out, pairs * D * E)),
          reference::scan_norm_backward(sizes, segments, through_delta,
                                        summed(sizes, inputs.dnorms, sizes.heads, sizes.segments(), D),
                                        or_zero(inputs.dnorm_out, pairs * D))};
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
  const Floats transitions(inputs.transitions), dmemories(inputs.dmemories), dmemory_out(inputs.dmemory_out);
  const Floats dnorms(inputs.dnorms), dnorms_of_delta(inputs.dnorms_of_delta), dnorm_out(inputs.dnorm_out);
  host_cuda::on_every_schedule([&] {
    Floats dmemories_after(pairs * full * D * E), dmemory_in(pairs * D * E);
    Floats dnorms_after(pairs * full * D), dnorm_in(pairs * D);
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
    launch_state_scan_backward(arguments, nullptr);
    const auto expect = [&](const Floats& actual, const Numbers& wanted, const Numbers& size, const char* what) {
      expect_near(actual.numbers(), wanted, scaled(size, error), what);
    };
    expect(dmemories_after, of_full_segments(sizes, expected.memory.after, D * E),
           of_full_segments(sizes, magnitude.memory.after, D * E), "dM after each segment");
    expect(dmemory_in, expected.memory.before, magnitude.memory.before, "dM");
    expect(dnorms_after, of_full_segments(sizes, expected.norm.after, D),
           of_full_segments(sizes, magnitude.norm.after, D), "dz after each segment");
    expect(dnorm_in, expected.norm.before, magnitude.norm.before, "dz");
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
