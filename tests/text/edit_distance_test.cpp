#include "text/edit_distance.h"

#include <gtest/gtest.h>

namespace infini {
namespace {

TEST(EditDistance, CountsInsertionsDeletionsAndSubstitutions) {
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("", "train"), 5u);
  EXPECT_EQ(edit_distance("train", ""), 5u);
  EXPECT_EQ(edit_distance("eval", "eval"), 0u);
  EXPECT_EQ(edit_distance("steps", "step"), 1u);
}

}  // namespace
}  // namespace infini
