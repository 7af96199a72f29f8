#include "eval/needle_report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "text/token_length.h"

namespace infini {
namespace {

/// Table 3 of arXiv 2404.07143, fine-tuned for 400 steps at 5K tokens. The key is near the start, the middle, or the
/// end.
struct PaperRow {
  int64_t length;
  std::array<int, 3> linear, delta;
};
constexpr std::array<PaperRow, 5> kPaper = {{{32 << 10, {100, 100, 100}, {100, 100, 100}},
                                             {128 << 10, {100, 100, 100}, {100, 100, 99}},
                                             {256 << 10, {100, 100, 100}, {100, 100, 99}},
                                             {512 << 10, {97, 99, 100}, {100, 100, 100}},
                                             {1 << 20, {96, 94, 100}, {100, 100, 100}}}};

const std::string kAbsent = "–";

/// With more columns a terminal has no room for intervals.
constexpr size_t kColumnsWithIntervals = 5;

std::string padded(std::string text, size_t width) {
  size_t characters = 0;
  // In UTF-8 every byte begins a character, except those of the form 10xxxxxx.
  for (const char byte : text) characters += (static_cast<unsigned char>(byte) & 0xC0) != 0x80 ? 1 : 0;
  if (characters < width) text.append(width - characters, ' ');
  return text;
}

std::string percent(double share) {
  char text[16];
  std::snprintf(text, sizeof(text), "%.0f", 100 * share);
  return text;
}

std::string cell_text(const NeedleResult& result, bool with_interval) {
  const double share = static_cast<double>(result.outcome.exact) / static_cast<double>(result.cell.trials);
  if (!with_interval) return percent(share);
  const Interval interval = confidence_interval(result.outcome.exact, result.cell.trials);
  return percent(share) + " (" + percent(interval.low) + "–" + percent(interval.high) + ")";
}

const NeedleResult* find(const std::vector<NeedleResult>& results, int64_t length, double depth) {
  const auto found = std::find_if(results.begin(), results.end(), [&](const NeedleResult& result) {
    return result.cell.length == length && result.cell.depth == depth;
  });
  return found == results.end() ? nullptr : &*found;
}

std::string paper_cell(int64_t length, size_t depth, bool delta) {
  for (const PaperRow& row : kPaper) {
    if (row.length == length) return std::to_string((delta ? row.delta : row.linear)[depth]);
  }
  return kAbsent;
}

}  // namespace

nlohmann::json to_json(const NeedleResult& result) {
  const Interval interval = confidence_interval(result.outcome.exact, result.cell.trials);
  nlohmann::json json = {{"length", result.cell.length},
                         {"depth", result.cell.depth},
                         {"trials", result.cell.trials},
                         {"exact", result.outcome.exact},
                         {"exact_low", interval.low},
                         {"exact_high", interval.high},
                         {"correct_tokens", result.outcome.correct},
                         {"answer_tokens", result.outcome.answers},
                         {"seconds", result.outcome.seconds},
                         {"tokens", result.outcome.tokens}};
  if (!result.outcome.evidence_share.empty()) json["evidence_share"] = result.outcome.evidence_share;
  return json;
}

Interval confidence_interval(int64_t successes, int64_t trials) {
  constexpr double z = 1.959963984540054;  // 97.5% of the normal distribution is below this
  const auto n = static_cast<double>(trials);
  const double share = static_cast<double>(successes) / n;
  const double center = (share + z * z / (2 * n)) / (1 + z * z / n);
  const double half = z / (1 + z * z / n) * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  return {std::max(0.0, center - half), std::min(1.0, center + half)};
}

std::string to_text(const std::vector<NeedleResult>& results, const std::vector<NeedleDepth>& depths,
                    const std::string& update) {
  std::vector<int64_t> lengths;
  for (const NeedleResult& result : results) {
    if (std::find(lengths.begin(), lengths.end(), result.cell.length) == lengths.end()) {
      lengths.push_back(result.cell.length);
    }
  }
  const bool with_intervals = depths.size() <= kColumnsWithIntervals;
  const size_t width = with_intervals ? 15 : 6;
  const bool paper = depths.size() == 3 && depths[0].value == 0 && depths[1].value == 0.5 && depths[2].value == 1 &&
                     (update == "linear" || update == "delta") &&
                     std::any_of(lengths.begin(), lengths.end(),
                                 [](int64_t length) { return paper_cell(length, 0, false) != kAbsent; });
  std::string text = "exact match in %" + std::string(with_intervals ? " (95% interval)" : "") + "\n" +
                     padded("length", 8) + padded("trials", 8);
  for (const NeedleDepth& depth : depths) text += padded(depth.name, width);
  text += std::string(paper ? "the paper's, fine-tuned" : "") + "\n";
  for (const int64_t length : lengths) {
    std::string line, trials = "–", of_paper;
    for (size_t i = 0; i < depths.size(); ++i) {
      const NeedleResult* const result = find(results, length, depths[i].value);
      line += padded(result != nullptr ? cell_text(*result, with_intervals) : "–", width);
      if (result != nullptr) trials = std::to_string(result->cell.trials);
      if (paper) of_paper += (i > 0 ? " / " : "") + paper_cell(length, i, update == "delta");
    }
    text += padded(format_length(length), 8) + padded(trials, 8) + line + of_paper + "\n";
  }
  return text;
}

}  // namespace infini
