#include "eval/memory_report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <span>
#include <utility>

#include "log/error.h"
#include "model/memory_diagnostics.h"

namespace infini {
namespace {

/// Segments that are read in one pass between two readings.
constexpr int64_t kSegmentsPerPass = 8;

template <typename Readings, typename Function>
void for_each_number(Readings& readings, const Function& function) {
  for (auto& reading : readings) {
    for (auto& heads : reading.values) {
      for (auto& value : heads) function(value);
    }
  }
}

/// The mean of what several documents have shown, number by number. Where a document shows no number, the mean is over
/// the others.
class ReadingMeans {
 public:
  void add(const std::vector<Reading>& readings) {
    if (shape_.empty()) shape_ = readings;
    size_t place = 0;
    for_each_number(readings, [&](double value) {
      if (place == sums_.size()) {
        sums_.push_back(0);
        counts_.push_back(0);
      }
      if (!std::isnan(value)) {
        sums_[place] += value;
        counts_[place] += 1;
      }
      ++place;
    });
  }

  std::vector<Reading> means() const {
    std::vector<Reading> means = shape_;
    size_t place = 0;
    for_each_number(means, [&](double& value) {
      value = sums_[place] / counts_[place];  // not a number if no document shows one
      ++place;
    });
    return means;
  }

 private:
  std::vector<Reading> shape_;  ///< names and sizes
  std::vector<double> sums_, counts_;
};

/// Reads one document from its beginning.
class DocumentReader {
 public:
  DocumentReader(CausalLanguageModel& model, EvaluationDocument document)
      : model_(model),
        document_(std::move(document)),
        length_(model.config().memory.segment_length),
        state_(model.empty_state(1)) {}

  /// Goes on until `segments` have been written, and observes the last of them. Nothing if the document ends before.
  std::optional<std::vector<Reading>> read_until(int64_t segments) {
    while (segments_ + 1 < segments) {
      const int64_t count = std::min(segments - 1 - segments_, kSegmentsPerPass);
      const auto tokens = next_segments(count);
      if (!tokens) return std::nullopt;
      state_ = model_.memorize(*tokens, state_);
      segments_ += count;
    }
    const auto tokens = next_segments(1);
    if (!tokens) return std::nullopt;
    MemoryDiagnostics diagnostics(model_.config(), model_.device());
    state_ = model_.forward(*tokens, state_, {}, &diagnostics).state;
    segments_ += 1;

    const std::vector<DeviceReading> readings = diagnostics.readings();
    if (readings.empty()) return std::vector<Reading>();
    std::vector<torch::Tensor> values;
    for (const DeviceReading& reading : readings) values.push_back(reading.values);
    const torch::Tensor copied = copy_to_host(values);
    const double* next = copied.const_data_ptr<double>();
    return take_readings(readings, next);
  }

 private:
  std::optional<torch::Tensor> next_segments(int64_t count) {
    torch::Tensor tokens = torch::empty({1, count * length_}, torch::kInt64);
    std::span<int64_t> missing(tokens.data_ptr<int64_t>(), static_cast<size_t>(tokens.numel()));
    while (!missing.empty()) {
      const int64_t given = document_.read(missing);
      if (given == 0) return std::nullopt;
      missing = missing.subspan(given);
    }
    return tokens.to(model_.device());
  }

  CausalLanguageModel& model_;
  EvaluationDocument document_;
  int64_t length_, segments_ = 0;
  ContextState state_;
};

/// The mean over all heads that have a number, and "-" if none has.
std::string mean_text(const Reading& reading) {
  double sum = 0, count = 0;
  for (const std::vector<double>& heads : reading.values) {
    for (const double value : heads) {
      sum += std::isnan(value) ? 0 : value;
      count += std::isnan(value) ? 0 : 1;
    }
  }
  if (count == 0) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", sum / count);
  return text;
}

std::string in_column(const std::string& text, size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

}  // namespace

MemoryReport report_memory(CausalLanguageModel& model, const DocumentStream& next, const MemoryReportOptions& options) {
  const torch::NoGradGuard no_graph;
  const MemoryConfig& memory = model.config().memory;
  if (memory.kind != "infini" || memory.update == "none" || memory.segment_length == 0) {
    throw UserError("the model has no compressive memory to look into: only the kind of memory infini has one, with " +
                    std::string("the update linear or delta"));
  }
  MemoryReport report{.segment_length = memory.segment_length, .points = {}};
  std::vector<ReadingMeans> means;
  while (options.max_documents == 0 || report.documents < options.max_documents) {
    std::optional<EvaluationDocument> document = next();
    if (!document) break;
    DocumentReader reader(model, std::move(*document));
    size_t point = 0;
    for (int64_t segments = 1; options.max_segments == 0 || segments <= options.max_segments; segments *= 2) {
      const auto readings = reader.read_until(segments);
      if (!readings) break;
      if (point == means.size()) {
        means.emplace_back();
        report.points.push_back({.segments = segments, .readings = {}});
      }
      means[point].add(*readings);
      report.points[point].documents += 1;
      ++point;
    }
    if (point == 0) continue;
    report.documents += 1;
    if (options.on_document) options.on_document(report);
  }
  if (report.documents == 0) {
    throw UserError("no document has a full segment of " + std::to_string(memory.segment_length) +
                    " tokens, so nothing is ever written into the memory; give longer documents");
  }
  for (size_t i = 0; i < means.size(); ++i) report.points[i].readings = means[i].means();
  return report;
}

nlohmann::json to_json(const MemoryReport& report) {
  nlohmann::json points = nlohmann::json::array();
  for (const MemoryPoint& point : report.points) {
    nlohmann::json readings = nlohmann::json::object();
    for (const Reading& reading : point.readings) readings[reading.name] = reading.values;
    points.push_back({{"segments", point.segments}, {"documents", point.documents}, {"readings", readings}});
  }
  return {{"segment_length", report.segment_length}, {"documents", report.documents}, {"points", points}};
}

std::string to_text(const MemoryReport& report) {
  std::string text = std::to_string(report.documents) + " documents, segments of " +
                     std::to_string(report.segment_length) + " tokens; means over all heads of all layers\n\n";
  text += "segments  documents";
  for (const Reading& reading : report.points.front().readings) {
    text += in_column(reading.name, std::max<size_t>(reading.name.size(), 8) + 2);
  }
  text += "\n";
  for (const MemoryPoint& point : report.points) {
    text += in_column(std::to_string(point.segments), 8) + in_column(std::to_string(point.documents), 11);
    for (const Reading& reading : point.readings) {
      text += in_column(mean_text(reading), std::max<size_t>(reading.name.size(), 8) + 2);
    }
    text += "\n";
  }
  return text;
}

}  // namespace infini
