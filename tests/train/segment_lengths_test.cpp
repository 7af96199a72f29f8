#include "train/segment_lengths.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

namespace infini {
namespace {

TEST(SegmentLengths, MoveTheBorderInsideEachPairAndKeepWhereDocumentsBegin) {
  torch::Tensor starts = torch::zeros({2, 7}, torch::kBool);
  starts[0][0] = starts[1][3] = starts[1][4] = true;
  std::set<int64_t> seen;
  for (uint64_t step = 0; step < 200; ++step) {
    DeterministicRandom random(3, step);
    const std::vector<int64_t> lengths = draw_segment_lengths(starts, 10, 7, random);
    ASSERT_EQ(lengths.size(), 7);
    EXPECT_EQ(lengths[0] + lengths[1], 20);
    EXPECT_EQ(lengths[2], 10) << "row 1 begins a document behind it";
    EXPECT_EQ(lengths[3], 10);
    EXPECT_EQ(lengths[4] + lengths[5], 20) << "a document may begin with a pair";
    EXPECT_EQ(lengths[6], 10) << "a last segment without a partner";
    seen.insert(lengths[0]);
    DeterministicRandom again(3, step);
    EXPECT_EQ(draw_segment_lengths(starts, 10, 7, again), lengths);
  }
  EXPECT_EQ(seen, (std::set<int64_t>{7, 8, 9, 10, 11, 12, 13}));
}

}  // namespace
}  // namespace infini
