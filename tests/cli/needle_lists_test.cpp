#include "cli/needle_lists.h"

#include <gmock/gmock.h>

#include "log/error.h"

namespace infini {
namespace {

TEST(NeedleLists, ReadsLengths) {
  EXPECT_EQ(parse_lengths("32K,1M,5000"), (std::vector<int64_t>{32768, 1048576, 5000}));
  for (const char* const wrong : {"", "32Q", "0", "-1K", "1.5K", "1K,,2K"})
    EXPECT_THROW(parse_lengths(wrong), UserError);
}

TEST(NeedleLists, ReadsNames) {
  EXPECT_EQ(parse_names("grass,harbour"), (std::vector<std::string>{"grass", "harbour"}));
  EXPECT_TRUE(parse_names("").empty());
}

TEST(NeedleLists, ReadsDepths) {
  const auto named = parse_depths("start,0.25,end");
  ASSERT_EQ(named.size(), 3u);
  EXPECT_EQ(named[0].name + named[1].name + named[2].name, "start0.25end");
  EXPECT_EQ(named[2].value, 1);
  const auto range = parse_depths("0:1:0.05");
  ASSERT_EQ(range.size(), 21u);
  EXPECT_EQ(range[3].name, "0.15");
  EXPECT_EQ(range[20].value, 1);
  for (const char* const wrong : {"", "begin", "1.5", "0:1:0", "1:0:0.1", "0:1"}) {
    EXPECT_THROW(parse_depths(wrong), UserError) << wrong;
  }
}

}  // namespace
}  // namespace infini
