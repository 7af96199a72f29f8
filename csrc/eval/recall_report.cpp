#include "eval/recall_report.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace infini {
namespace {

using nlohmann::json;

/// Bands of kRarityBands, first and last.
struct BandRange {
  size_t first, last;
};
constexpr size_t kLastBand = kRarityBands.size() - 1;
constexpr BandRange kAtMost20 = {0, 2};
constexpr std::array<BandRange, 3> kSummed = {kAtMost20, {0, 3}, {0, kLastBand}};

template <typename Number>
json number_or_null(const std::optional<Number>& number) {
  return number ? json(*number) : json(nullptr);
}

/// "0", "3-4", or "never before" without a range.
std::string distance_name(const std::optional<CountRange>& distances) {
  if (!distances) return "never before";
  const std::string from = std::to_string(distances->from);
  return distances->from == distances->to ? from : from + "-" + std::to_string(*distances->to);
}

/// The keys that say which words a row of the JSON is about.
json row_json(const std::optional<CountRange>& distances, const BandRange& bands) {
  return {{"distance", distance_name(distances)},
          {"distance_from", distances ? json(distances->from) : json(nullptr)},
          {"distance_to", distances ? json(*distances->to) : json(nullptr)},
          {"trained_from", kRarityBands[bands.first].from},
          {"trained_to", number_or_null(kRarityBands[bands.last].to)}};
}

json mean_json(const std::optional<CountRange>& distances, const BandRange& bands, const MeanLoss& mean) {
  json row = row_json(distances, bands);
  row["words"] = mean.words();
  row["nats"] = number_or_null(mean.mean());
  row["standard_error"] = number_or_null(mean.standard_error());
  return row;
}

void add_means(const RecallTable& table, const BandRange& bands, json& rows) {
  rows.push_back(mean_json(std::nullopt, bands, table.never_before(bands.first, bands.last)));
  for (size_t row = 0; row < table.rows(); ++row) {
    rows.push_back(mean_json(distances_of_row(row), bands, table.returned(row, bands.first, bands.last)));
  }
}

void add_gains(const RecallTable& table, const BandRange& bands, json& rows) {
  for (size_t row = 0; row < table.rows(); ++row) {
    const std::optional<Gain> gain = table.gain(row, bands.first, bands.last);
    json gain_json = row_json(distances_of_row(row), bands);
    gain_json["words"] = table.returned(row, bands.first, bands.last).words();
    gain_json["gain"] = gain ? json(gain->nats) : json(nullptr);
    gain_json["standard_error"] = gain ? json(gain->standard_error) : json(nullptr);
    rows.push_back(gain_json);
  }
}

json model_json(const ModelRecall& model, bool is_first) {
  json cells = json::array(), summed = json::array(), gains = json::array();
  for (size_t band = 0; band <= kLastBand; ++band) add_means(model.tables.losses, {band, band}, cells);
  for (const BandRange& bands : kSummed) add_means(model.tables.losses, bands, summed);
  json result = {{"name", model.name},
                 {"checkpoint", model.checkpoint},
                 {"memory", model.perplexity.memory},
                 {"memory_off", model.memory_off},
                 {"perplexity", model.perplexity.token_perplexity()},
                 {"loss", model.perplexity.loss()},
                 {"loss_standard_error", number_or_null(model.perplexity.loss_standard_error())},
                 {"cells", cells},
                 {"summed", summed}};
  if (is_first) return result;
  for (size_t band = 0; band <= kLastBand; ++band) add_gains(model.tables.above_the_first, {band, band}, gains);
  for (const BandRange& bands : kSummed) add_gains(model.tables.above_the_first, bands, gains);
  result["gains_of_the_first"] = gains;
  return result;
}

// Characters in the columns of the table.
constexpr size_t kDistanceWidth = 14, kWordsWidth = 10, kCellWidth = 18;

std::string right_aligned(const std::string& text, size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

std::string cell_text(const MeanLoss& mean) {
  if (mean.words() == 0) return "-";
  char text[48];
  // A plain "+-" keeps one byte a character, so the columns stay aligned.
  if (const auto error = mean.standard_error()) {
    std::snprintf(text, sizeof text, "%.3f +- %.3f", *mean.mean(), *error);
  } else {
    std::snprintf(text, sizeof text, "%.3f", *mean.mean());
  }
  return text;
}

}  // namespace

json to_json(const RecallReport& report) {
  json models = json::array();
  for (size_t i = 0; i < report.models.size(); ++i) models.push_back(model_json(report.models[i], i == 0));
  return {{"segment_length", report.segment_length},
          {"training", report.training},
          {"training_words", report.training_words},
          {"shortest_word", WordScan::kShortestWord},
          {"models", models}};
}

std::string to_text(const RecallReport& report) {
  const auto column_width = [](const ModelRecall& model) { return std::max(kCellWidth, model.name.size() + 2); };
  const std::string at_most = std::to_string(*kRarityBands[kAtMost20.last].to);
  std::string text = "Loss on words by the distance to their last occurrence in the document, in segments of " +
                     std::to_string(report.segment_length) + " tokens\nNats per word +- standard error, for words of " +
                     std::to_string(WordScan::kShortestWord) + " letters or more that " + report.training +
                     " trains on at most " + at_most + " times\n\n";
  std::string head = "distance";
  head.resize(kDistanceWidth, ' ');
  head += right_aligned("words", kWordsWidth);
  for (const ModelRecall& model : report.models) head += right_aligned(model.name, column_width(model));
  text += head + "\n";

  const auto add_row = [&](const std::optional<CountRange>& distances, const auto& mean_of) {
    std::string line = distance_name(distances);
    if (distances && distances->to == 0) line = "same segment";
    line.resize(kDistanceWidth, ' ');
    line += right_aligned(std::to_string(mean_of(report.models.front()).words()), kWordsWidth);
    for (const ModelRecall& model : report.models)
      line += right_aligned(cell_text(mean_of(model)), column_width(model));
    text += line + "\n";
  };
  constexpr size_t first = kAtMost20.first, last = kAtMost20.last;
  add_row(std::nullopt, [](const ModelRecall& model) { return model.tables.losses.never_before(first, last); });
  for (size_t row = 0; row < report.models.front().tables.losses.rows(); ++row) {
    add_row(distances_of_row(row),
            [&](const ModelRecall& model) { return model.tables.losses.returned(row, first, last); });
  }
  return text;
}

}  // namespace infini
