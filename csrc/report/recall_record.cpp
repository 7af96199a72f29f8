#include "report/recall_record.h"

#include <fstream>
#include <nlohmann/json.hpp>

namespace infini::report {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::optional<int64_t> integer_or_nothing(const json& value) {
  return value.is_null() ? std::nullopt : std::optional<int64_t>(value.get<int64_t>());
}

RecallLine line_of(const json& model) {
  RecallLine line{.name = model.at("name"), .memory_off = model.at("memory_off"), .points = {}};
  for (const json& row : model.at("summed")) {
    const bool is_rare = row.at("trained_from") == 0 && row.at("trained_to") == kRareWordCount;
    if (!is_rare || row.at("nats").is_null()) continue;
    const json& error = row.at("standard_error");  // null for a single word
    line.points.push_back({.from = integer_or_nothing(row.at("distance_from")),
                           .to = integer_or_nothing(row.at("distance_to")),
                           .words = row.at("words"),
                           .nats = row.at("nats"),
                           .standard_error = error.is_null() ? 0 : error.get<double>()});
  }
  return line;
}

}  // namespace

std::optional<RecallRecord> read_recall(const fs::path& folder, std::vector<std::string>& notes) {
  for (const char* const name : {"recall.json", "evaluation.json"}) {
    std::ifstream file(folder / name, std::ios::binary);
    if (!file) continue;
    try {
      const json evaluation = json::parse(file, nullptr, false);
      // A damaged evaluation.json has a note of its own.
      if (name != std::string("recall.json") && !evaluation.contains("recall")) continue;
      const json& recall = evaluation.at("recall");
      RecallRecord record{.segment_length = recall.at("segment_length"), .models = {}};
      for (const json& model : recall.at("models")) record.models.push_back(line_of(model));
      return record;
    } catch (const json::exception& error) {
      notes.push_back(std::string(name) + " cannot be read: no loss on words that return (" + error.what() + ").");
    }
  }
  return std::nullopt;
}

}  // namespace infini::report
