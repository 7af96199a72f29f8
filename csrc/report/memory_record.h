#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "report/head_reading.h"

namespace infini::report {

/// What the memories held after a number of segments of a document.
struct MemoryRecord {
  int64_t segments = 0;
  int64_t documents = 0;  ///< whose mean the readings are
  HeadReadings readings;
};

/// The memory.json of a run's folder, which `infini memory --out` wrote. Empty if there is none. A file that cannot be
/// read is named in `notes`.
std::vector<MemoryRecord> read_memory(const std::filesystem::path& folder, std::vector<std::string>& notes);

}  // namespace infini::report
