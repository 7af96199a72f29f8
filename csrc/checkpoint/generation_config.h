#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace infini {

/// The ids at `eos_token_id` of a config.json or generation_config.json: one id, a list of them, or none (null or
/// absent). `where` names the file in the UserError for anything else.
std::vector<int32_t> eos_token_ids_of(const nlohmann::json& config, const std::string& where);

/// The same ids as config.json has them: null, one id, or a list.
nlohmann::json eos_token_ids_to_json(const std::vector<int32_t>& ids);

/// All ids at which a checkpoint's texts end: those of its config.json and of its generation_config.json, each once.
std::vector<int32_t> read_eos_token_ids(const std::filesystem::path& checkpoint);

/// Writes generation_config.json, by which transformers ends a text, with the ids of a config.json that has an eos.
void write_generation_config(const std::filesystem::path& folder, const nlohmann::json& config);

}  // namespace infini
