#include "ops/cuda/state_scan.h"

#include "ops/cuda/kernel_test.h"

namespace infini::ops::cuda {
namespace {

using reference::States;

/// What full segments write, and the state before the first.
struct Written {
  Numbers memories, norms, transitions, memory, norm;
};

/// As large as a few tokens write and take away; of partial segments NaN, which must not be read.
Written random_written(const Sizes& sizes, bool delta) {
  std::mt19937 random(1);
  const int64_t pairs = sizes.batch * sizes.groups, D = sizes.key_width, E = sizes.value_width;
  Written written{uniform<float>(pairs * sizes.segments() * D * E, random, -1, 1),
                  uniform<float>(pairs * sizes.segments() * D, random, 0, 1),
                  uniform<float>(delta ? pairs * sizes.full_segments() * D * D : 0, random, -0.02, 0.02),
                  uniform<float>(pairs * D * E, random, -1, 1), uniform<float>(pairs * D, random, 0, 1)};
  const auto forget_partial = [&](Numbers& states, int64_t size) {
    for (int64_t i = 0; i < static_cast<int64_t>(states.size()); ++i) {
      if (i / size % sizes.segments() >= sizes.full_segments()) states.at(static_cast<size_t>(i)) = std::nan("");
    }
  };
  forget_partial(written.memories, D * E);
  forget_partial(written.norms, D);
  return written;
}

States scan(const Sizes& sizes, const Segments& segments, Written written) {
  for (Numbers* const states : {&written.memories, &written.norms}) {
    for (double& x : *states) x = std::isnan(x) ? 0 : x;
  }
  return reference::scan(sizes, segments, written.memories, written.norms, written.transitions, written.memory,
                         written.norm);
}

/// With every term taken as positive: what rounding errors are relative to.
States magnitude(const Sizes& sizes, const Segments& segments, const Written& written) {
  return scan(sizes, segments,
              {absolute(written.memories), written.norms, scaled(absolute(written.transitions), -1),
               absolute(written.memory), written.norm});
}

void expect_scanned(const Sizes& sizes, bool delta, const Segments& segments) {
  const int64_t D = sizes.key_width, E = sizes.value_width, pairs = sizes.batch * sizes.groups;
  const Written written = random_written(sizes, delta);
  const States expected = scan(sizes, segments, written);
  // In each segment float sums of at most D products and two terms more; the error of one goes into all later ones.
  const double error =
      static_cast<double>(sizes.segments()) * static_cast<double>((delta ? D : 0) + 4) * float_roundoff;
  const States magnitudes = magnitude(sizes, segments, written);
  const Starts starts(segments.starts);
  // No pointer is the linear rule, also where no segment is full.
  const Floats transitions(delta && written.transitions.empty() ? Numbers(1) : written.transitions);
  const Floats memory_in(written.memory), norm_in(written.norm);

  const auto arguments_of = [&](Floats& memories, Floats& memory_out, Floats& norms, Floats& norm_out) {
    StateScanArguments arguments;
    arguments.extents = extents_of(sizes);
    arguments.starts = starts.data();
    arguments.transitions = transitions.data();
    arguments.memories = memories.data();
    arguments.memory_in = memory_in.data();
    arguments.memory_out = memory_out.data();
    arguments.norms = norms.data();
    arguments.norm_in = norm_in.data();
    arguments.norm_out = norm_out.data();
    return arguments;
  };
  const auto expect = [&](const Floats& actual, const Numbers& wanted, const Numbers& size, const char* what) {
    expect_near(actual.numbers(), wanted, scaled(size, error), what);
  };
  host_cuda::on_every_schedule([&] {
    {
      Floats memories(written.memories), norms(written.norms), memory_out(pairs * D * E), norm_out(pairs * D);
      launch_state_scan(arguments_of(memories, memory_out, norms, norm_out), nullptr);
      expect(memories, expected.memories, magnitudes.memories, "memories");
      expect(memory_out, expected.memory, magnitudes.memory, "memory");
      expect(norms, expected.norms, magnitudes.norms, "norms");
      expect(norm_out, expected.norm, magnitudes.norm, "norm");
    }
    {
      // In place, the memory and the norm each by itself.
      Floats memories(written.memories), norms(written.norms), memory(written.memory), norm(written.norm);
      StateScanArguments memory_alone = arguments_of(memories, memory, norms, norm);
      memory_alone.memory_in = memory.data();
      memory_alone.norms = memory_alone.norm_out = nullptr;
      memory_alone.norm_in = nullptr;
      launch_state_scan(memory_alone, nullptr);
      EXPECT_EQ(norm.numbers(), written.norm) << "the norm was to be left out";
      StateScanArguments norm_alone = arguments_of(memories, memory, norms, norm);
      norm_alone.memories = norm_alone.memory_out = nullptr;
      norm_alone.memory_in = nullptr;
      norm_alone.norm_in = norm.data();
      launch_state_scan(norm_alone, nullptr);
      expect(memories, expected.memories, magnitudes.memories, "memories, alone");
      expect(memory, expected.memory, magnitudes.memory, "memory, in place");
      expect(norms, expected.norms, magnitudes.norms, "norms, alone");
      expect(norm, expected.norm, magnitudes.norm, "norm, in place");
    }
  });
}

constexpr Sizes ragged{.batch = 2, .groups = 2, .tokens = 13, .segment_length = 2, .key_width = 64, .value_width = 64};
const Segments with_starts{{false, false, true, false, true, false, true,  //
                            true, false, false, false, false, true, false},
                           {}};

TEST(StateScan, by_the_linear_rule_sums_what_segments_write_and_empties_the_state_at_a_start) {
  expect_scanned(ragged, false, with_starts);
}

TEST(StateScan, by_the_delta_rule_takes_away_before_it_adds_and_empties_the_state_at_a_start) {
  expect_scanned(ragged, true, with_starts);
}

TEST(StateScan, takes_widths_that_differ_and_the_widest) {
  for (const bool delta : {false, true}) {
    expect_scanned({.tokens = 6, .segment_length = 2, .key_width = 128, .value_width = 64}, delta, {});
    expect_scanned({.tokens = 6, .segment_length = 2, .key_width = 64, .value_width = 128}, delta, {});
    expect_scanned({.tokens = 5, .segment_length = 2, .key_width = 128, .value_width = 128}, delta, {});
  }
}

TEST(StateScan, hands_the_state_on_where_no_segment_is_full) {
  for (const bool delta : {false, true}) {
    expect_scanned({.tokens = 1, .segment_length = 2, .key_width = 64, .value_width = 64}, delta, {});
  }
}

}  // namespace
}  // namespace infini::ops::cuda
