#include "eval/memory_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "log/error.h"
#include "model/memory_diagnostics.h"
#include "model/small_model.h"

namespace infini {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr int64_t kSegmentLength = 8;

using Documents = std::vector<std::vector<int64_t>>;

/// Gives at most five tokens at once.
DocumentStream stream_of(const Documents& documents) {
  return [&documents, number = size_t{0}]() mutable -> std::optional<EvaluationDocument> {
    if (number == documents.size()) return std::nullopt;
    const std::vector<int64_t>& tokens = documents[number++];
    EvaluationDocument document;
    document.tokens = static_cast<int64_t>(tokens.size());
    document.read = [&tokens, given = size_t{0}](std::span<int64_t> out) mutable {
      const size_t count = std::min({out.size(), tokens.size() - given, size_t{5}});
      std::copy_n(tokens.begin() + static_cast<int64_t>(given), count, out.begin());
      given += count;
      return static_cast<int64_t>(count);
    };
    return document;
  };
}

/// The readings of the last of so many segments, all read in one pass without the streaming: the pass before gives the
/// state.
std::vector<DeviceReading> expected_after(CausalLanguageModel& model, const std::vector<int64_t>& document,
                                          int64_t segments) {
  const torch::NoGradGuard no_graph;
  const torch::Tensor row = as_row(document).slice(1, 0, segments * kSegmentLength);
  const int64_t before = (segments - 1) * kSegmentLength;
  ContextState state = model.empty_state(1);
  if (before > 0) state = model.forward(row.slice(1, 0, before), state).state;
  MemoryDiagnostics diagnostics(model.config(), torch::kCPU);
  model.forward(row.slice(1, before), state, {}, &diagnostics);
  return diagnostics.readings();
}

double number(const DeviceReading& reading, int64_t layer, int64_t head) {
  const torch::Tensor values = reading.on_host == nullptr ? reading.values : reading.on_host(reading.values);
  return values[layer][head].item<double>();
}

TEST(MemoryReport, IsTheMeanOverTheDocumentsThatAreLongEnough) {
  const auto model = small_model("delta");
  // 9, 2 and 17 full segments; the second one is too short for more than two points.
  const Documents documents = {random_tokens(9 * 8 + 3, 1), random_tokens(2 * 8, 2), random_tokens(17 * 8, 3)};
  const MemoryReport report = report_memory(*model, stream_of(documents));
  EXPECT_EQ(report.documents, 3);
  EXPECT_EQ(report.segment_length, kSegmentLength);
  const std::vector<int64_t> segments = {1, 2, 4, 8, 16};
  const std::vector<std::vector<size_t>> long_enough = {{0, 1, 2}, {0, 1, 2}, {0, 2}, {0, 2}, {2}};
  ASSERT_EQ(report.points.size(), segments.size());
  for (size_t point = 0; point < segments.size(); ++point) {
    EXPECT_EQ(report.points[point].segments, segments[point]);
    EXPECT_EQ(report.points[point].documents, static_cast<int64_t>(long_enough[point].size()));
    std::vector<std::vector<DeviceReading>> each;
    for (const size_t document : long_enough[point]) {
      each.push_back(expected_after(*model, documents[document], segments[point]));
    }
    for (size_t i = 0; i < report.points[point].readings.size(); ++i) {
      const Reading& found = report.points[point].readings[i];
      EXPECT_EQ(found.name, each.front()[i].name);
      for (size_t layer = 0; layer < found.values.size(); ++layer) {
        for (size_t head = 0; head < found.values[layer].size(); ++head) {
          double sum = 0;
          for (const auto& one : each) {
            sum += number(one[i], static_cast<int64_t>(layer), static_cast<int64_t>(head));
          }
          const double mean = sum / static_cast<double>(each.size());
          if (std::isnan(mean)) {
            EXPECT_TRUE(std::isnan(found.values[layer][head])) << found.name;
            EXPECT_EQ(found.name, "retrieval_norm") << "the first segment reads an empty memory";
            EXPECT_EQ(point, 0u);
          } else {
            EXPECT_NEAR(found.values[layer][head], mean, 1e-5 * std::abs(mean)) << found.name << ", point " << point;
          }
        }
      }
    }
  }
}

TEST(MemoryReport, StopsAfterSoManyDocumentsAndSegments) {
  const auto model = small_model("linear");
  const Documents documents = {random_tokens(7, 1), random_tokens(80, 2), random_tokens(80, 3), random_tokens(80, 4)};
  int64_t seen = 0;
  const MemoryReport report =
      report_memory(*model, stream_of(documents),
                    {.max_documents = 2, .max_segments = 4, .on_document = [&](const MemoryReport& sofar) {
                       seen = sofar.documents;
                     }});
  EXPECT_EQ(report.documents, 2) << "one without a full segment does not count";
  EXPECT_EQ(seen, 2);
  ASSERT_EQ(report.points.size(), 3u);
  EXPECT_EQ(report.points.back().segments, 4);
  EXPECT_EQ(report.points.back().documents, 2);
}

TEST(MemoryReport, IsWrittenAsJsonAndAsATable) {
  const auto model = small_model("delta");
  const Documents documents = {random_tokens(40, 1)};
  const MemoryReport report = report_memory(*model, stream_of(documents));
  const auto json = nlohmann::json::parse(to_json(report).dump());
  EXPECT_EQ(json.at("segment_length"), kSegmentLength);
  EXPECT_EQ(json.at("points").size(), 3u);
  EXPECT_TRUE(json.at("points")[0].at("readings").at("retrieval_norm")[0][0].is_null());
  EXPECT_EQ(json.at("points")[2].at("segments"), 4);
  EXPECT_EQ(json.at("points")[2].at("readings").at("z")[1][1], report.points[2].readings[5].values[1][1]);
  EXPECT_EQ(report.points[2].readings[5].name, "z");
  EXPECT_THAT(to_text(report), AllOf(HasSubstr("segments  documents"), HasSubstr("effective_rank"),
                                     HasSubstr("\n       4          1 ")));
}

TEST(MemoryReport, RefusesAModelOrDocumentsThatFillNoMemory) {
  const Documents documents = {random_tokens(7, 1), random_tokens(3, 2)};
  EXPECT_THAT([&] { report_memory(*small_model("none"), stream_of(documents)); },
              ThrowsMessage<UserError>(HasSubstr("no compressive memory")));
  EXPECT_THAT([&] { report_memory(*small_model("delta"), stream_of(documents)); },
              ThrowsMessage<UserError>(HasSubstr("no document has a full segment of 8 tokens")));
}

}  // namespace
}  // namespace infini
