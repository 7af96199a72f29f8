#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace infini {

inline constexpr const char* kTokenizerConfigFile = "tokenizer_config.json";
inline constexpr const char* kSentencepieceFile = "tokenizer.model";
inline constexpr const char* kByteTokenizerClass = "ByteTokenizer";

/// Reads a whole file; throws UserError that names it if that fails.
std::string read_tokenizer_file(const std::filesystem::path& file);
/// Writes a file beside its place, then renames it; throws std::runtime_error that names it if that fails.
void write_tokenizer_file(const std::filesystem::path& file, std::string_view content);
/// Writes FOLDER/tokenizer_config.json.
void write_tokenizer_config(const std::filesystem::path& folder, const nlohmann::json& config);

}  // namespace infini
