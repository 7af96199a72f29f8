#include "checkpoint/generation_config.h"

#include <algorithm>
#include <limits>

#include "io/json_file.h"
#include "log/error.h"

namespace infini {
namespace {

constexpr const char* kEos = "eos_token_id";
constexpr const char* kGenerationConfig = "generation_config.json";

bool is_id(const nlohmann::json& value) {
  return value.is_number_integer() && value >= 0 && value <= std::numeric_limits<int32_t>::max();
}

}  // namespace

std::vector<int32_t> eos_token_ids_of(const nlohmann::json& config, const std::string& where) {
  if (!config.is_object()) throw UserError(where + " must be a JSON object, is " + config.dump());
  const auto found = config.find(kEos);
  if (found == config.end() || found->is_null()) return {};
  const nlohmann::json list = found->is_array() ? *found : nlohmann::json::array({*found});
  if (!std::all_of(list.begin(), list.end(), is_id)) {
    throw UserError(where + ": eos_token_id must be a token's id or a list of ids, is " + found->dump());
  }
  return list.get<std::vector<int32_t>>();
}

nlohmann::json eos_token_ids_to_json(const std::vector<int32_t>& ids) {
  if (ids.empty()) return nullptr;
  return ids.size() == 1 ? nlohmann::json(ids.front()) : nlohmann::json(ids);
}

std::vector<int32_t> read_eos_token_ids(const std::filesystem::path& checkpoint) {
  std::vector<int32_t> all;
  for (const char* const name : {"config.json", kGenerationConfig}) {
    const std::filesystem::path file = checkpoint / name;
    if (!std::filesystem::exists(file)) continue;
    for (const int32_t id : eos_token_ids_of(read_json(file), file.string())) {
      if (std::ranges::find(all, id) == all.end()) all.push_back(id);
    }
  }
  return all;
}

void write_generation_config(const std::filesystem::path& folder, const nlohmann::json& config) {
  const auto eos = config.find(kEos);
  if (eos == config.end() || eos->is_null()) return;
  write_json(folder / kGenerationConfig,
             {{"bos_token_id", config.value("bos_token_id", nlohmann::json())}, {kEos, *eos}});
}

}  // namespace infini
