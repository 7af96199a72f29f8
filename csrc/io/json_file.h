#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace infini {

/// Reads a JSON file. Throws UserError that names the file, and the line if it is not valid JSON.
nlohmann::json read_json(const std::filesystem::path& file);

/// Writes indented JSON, atomically (see AtomicFile).
void write_json(const std::filesystem::path& file, const nlohmann::json& json);

}  // namespace infini
