#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "eval/perplexity.h"
#include "eval/recall_comparison.h"

namespace infini {

/// What one model lost on the words of the documents.
struct ModelRecall {
  std::string name;         ///< unique among the models
  std::string checkpoint;   ///< its path
  bool memory_off = false;  ///< the model has a memory that was switched off for this reading
  Perplexity perplexity;    ///< of the same reading
  RecallTables tables;
};

struct RecallReport {
  int64_t segment_length = 0;       ///< the unit of distance, in tokens
  std::string training;             ///< the data folder whose training split was counted
  int64_t training_words = 0;       ///< distinct
  std::vector<ModelRecall> models;  ///< the first one is the model that the others are compared with
};

/// Every cell of every model: by distance and by each band of rarity ("cells"), and by distance for words that the
/// training texts have at most 20 times, at most 60 times, and for all ("summed"). For each model but the first also
/// what the first one gains over it.
nlohmann::json to_json(const RecallReport& report);

/// For people: a table of distances and models, for words that the training texts have at most 20 times.
std::string to_text(const RecallReport& report);

}  // namespace infini
