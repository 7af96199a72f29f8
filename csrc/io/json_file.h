#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace infini {

/// Why a text cannot be read as JSON.
struct JsonFault {
  int64_t byte;        ///< where, from 1
  std::string reason;  ///< one line
};

/// Parses a text. Whatever is wrong with it goes to `fault`, also a number too large for a double and more than 500
/// objects and arrays inside each other; no exception.
nlohmann::json parse_json(std::string_view text, std::optional<JsonFault>& fault);

/// Reads a JSON file. Throws UserError that names the file, and the line where it does not parse.
nlohmann::json read_json(const std::filesystem::path& file);

/// Writes indented JSON, atomically (see AtomicFile).
void write_json(const std::filesystem::path& file, const nlohmann::json& json);

}  // namespace infini
