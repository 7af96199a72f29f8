#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace infini {

/// The value of `eos_token_id` in a config.json or generation_config.json: one id, a list of ids, or none (null or
/// absent). Any other value throws a UserError that names the file by `where`.
std::vector<int32_t> eos_token_ids_of(const nlohmann::json& config, const std::string& where);

/// The same ids in the form of config.json: null, one id, or a list.
nlohmann::json eos_token_ids_to_json(const std::vector<int32_t>& ids);

/// All end-of-text ids of a checkpoint, from its config.json and its generation_config.json, each once.
std::vector<int32_t> read_eos_token_ids(const std::filesystem::path& checkpoint);

/// Writes generation_config.json with the end-of-text ids of `config`, if it has any. transformers reads them there to
/// end a text.
void write_generation_config(const std::filesystem::path& folder, const nlohmann::json& config);

}  // namespace infini
