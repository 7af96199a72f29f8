#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "eval/perplexity.h"
#include "model/reading.h"

namespace infini {

/// What the memories held when a number of segments had been written.
struct MemoryPoint {
  int64_t segments = 0;
  int64_t documents = 0;          ///< those that have so many full segments
  std::vector<Reading> readings;  ///< means over these documents; see MemoryDiagnostics
};

struct MemoryReport {
  int64_t segment_length = 0;
  int64_t documents = 0;            ///< read: with at least one full segment
  std::vector<MemoryPoint> points;  ///< after 1, 2, 4, 8, … segments
};

struct MemoryReportOptions {
  int64_t max_documents = 0;                                       ///< 0: all
  int64_t max_segments = 0;                                        ///< of each document; 0: all
  std::function<void(const MemoryReport&)> on_document = nullptr;  ///< called after each document, with all so far
};

/// Reads the full segments of documents, one document after the other, and takes readings in the segment that makes a
/// power of two. The segments between are only memorised. The memory use does not grow with the length of a document.
/// Throws UserError if the model has no compressive memory, or no document has a full segment.
MemoryReport report_memory(CausalLanguageModel& model, const DocumentStream& next,
                           const MemoryReportOptions& options = {});

/// The output of `infini memory --json`. A reading that is not a number becomes null.
nlohmann::json to_json(const MemoryReport& report);

/// The same for people: a table with the mean of each reading over all heads.
std::string to_text(const MemoryReport& report);

}  // namespace infini
