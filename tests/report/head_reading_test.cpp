#include "report/head_reading.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace infini::report {
namespace {

using nlohmann::json;

TEST(HeadReading, AreTheListsOfLists) {
  const HeadReadings readings = head_readings(json::parse(
      R"({"step": 3, "gates": [[0.25, 0.5], [1]], "places": [1, 2], "none": [], "depth_accuracy": [[null], [0.75]]})"));
  ASSERT_EQ(readings.size(), 2u);
  EXPECT_THAT(readings.at("gates"), testing::ElementsAre(testing::ElementsAre(0.25, 0.5), testing::ElementsAre(1)));
  EXPECT_TRUE(std::isnan(readings.at("depth_accuracy")[0][0]));
  EXPECT_EQ(readings.at("depth_accuracy")[1][0], 0.75);
}

TEST(HeadReading, HasNullWhereThereIsNoNumber) {
  EXPECT_EQ(rounded_json({{NAN, 1.23456789}, {INFINITY}}), json::parse("[[null, 1.23457], [null]]"));
}

}  // namespace
}  // namespace infini::report
