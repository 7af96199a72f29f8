#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace infini::report {

/// The mean loss on words at some distances from their last occurrence.
struct RecallPoint {
  std::optional<int64_t> from, to;  ///< segments; nothing for words that their document did not have before
  int64_t words = 0;
  double nats = 0;
  double standard_error = 0;
};

/// One model's losses on rare words.
struct RecallLine {
  std::string name;
  bool memory_off = false;
  std::vector<RecallPoint> points;  ///< by distance, without those that have no word
};

/// What `infini eval --recall` found.
struct RecallRecord {
  int64_t segment_length = 0;  ///< the unit of distance, in tokens
  std::vector<RecallLine> models;
};

/// The words of the figure: those that the training texts have at most so many times.
inline constexpr int64_t kRareWordCount = 20;

/// The recall in recall.json of a run's folder, or else in its evaluation.json. Nothing if neither has any. A file that
/// cannot be read is named in `notes`.
std::optional<RecallRecord> read_recall(const std::filesystem::path& folder, std::vector<std::string>& notes);

}  // namespace infini::report
