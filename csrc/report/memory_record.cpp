#include "report/memory_record.h"

#include <fstream>

namespace infini::report {

using nlohmann::json;

std::vector<MemoryRecord> read_memory(const std::filesystem::path& folder, std::vector<std::string>& notes) {
  std::ifstream file(folder / "memory.json", std::ios::binary);
  if (!file) return {};
  try {
    const json report = json::parse(file);
    std::vector<MemoryRecord> records;
    for (const json& point : report.at("points")) {
      records.push_back({point.at("segments"), point.at("documents"), head_readings(point.at("readings"))});
    }
    return records;
  } catch (const json::exception& error) {
    notes.push_back(std::string("memory.json cannot be read: no figures of what the memory holds (") + error.what() +
                    ").");
    return {};
  }
}

}  // namespace infini::report
