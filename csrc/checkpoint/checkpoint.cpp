#include "checkpoint/checkpoint.h"

#include <map>
#include <set>
#include <string>

#include "checkpoint/generation_config.h"
#include "io/atomic_file.h"
#include "io/checksums.h"
#include "io/json_file.h"
#include "log/error.h"

namespace infini {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = "config.json";
constexpr const char* kWeights = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

void require_readable_folder(const fs::path& folder) {
  if (!fs::exists(folder)) throw UserError("there is no checkpoint folder " + folder.string());
  if (!fs::is_directory(folder)) {
    throw UserError(folder.string() + " is not a folder; a checkpoint is a folder with config.json and " + kWeights);
  }
  if (fs::is_empty(folder)) {
    throw UserError(folder.string() + " is empty; a checkpoint is a folder with config.json and " + kWeights);
  }
}

NamedTensors read_shards(const fs::path& folder) {
  const fs::path index_file = folder / kIndex;
  const nlohmann::json index = read_json(index_file);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    throw UserError(index_file.string() + " has no object \"weight_map\"");
  }
  std::map<std::string, std::set<std::string>> names_of_shard;
  for (const auto& [name, shard] : index["weight_map"].items()) {
    if (!shard.is_string() || fs::path(shard.get<std::string>()).filename() != shard.get<std::string>()) {
      throw UserError(index_file.string() + ": " + name + " must name a file of this folder, is " + shard.dump());
    }
    names_of_shard[shard.get<std::string>()].insert(name);
  }
  NamedTensors weights;
  for (const auto& [shard, names] : names_of_shard) {
    if (!fs::exists(folder / shard)) {
      throw UserError((folder / shard).string() + " is missing, though " + kIndex + " names it");
    }
    NamedTensors tensors = read_safetensors(folder / shard);
    for (const std::string& name : names) {
      const auto tensor = tensors.find(name);
      if (tensor == tensors.end()) {
        throw UserError((folder / shard).string() + " lacks the tensor " + name + ", which " + kIndex +
                        " places there");
      }
      weights.insert(*tensor);
    }
  }
  return weights;
}

nlohmann::json read_config(const fs::path& folder) {
  if (fs::exists(folder / kConfig)) return read_json(folder / kConfig);
  throw UserError(folder.string() + " has no config.json; a checkpoint is a folder with config.json and " + kWeights);
}

NamedTensors read_weights(const fs::path& folder) {
  if (fs::exists(folder / kWeights)) return read_safetensors(folder / kWeights);
  if (fs::exists(folder / kIndex)) return read_shards(folder);
  if (fs::exists(folder / "pytorch_model.bin") || fs::exists(folder / "pytorch_model.bin.index.json")) {
    throw UserError(folder.string() +
                    " holds pickled weights (pytorch_model.bin), which are not read; save the model "
                    "again with transformers: model.save_pretrained(FOLDER, safe_serialization=True)");
  }
  throw UserError(folder.string() + " has neither " + kWeights + " nor " + kIndex);
}

}  // namespace

CheckpointFiles read_checkpoint(const fs::path& folder) {
  verify_checkpoint(folder);
  return read_verified_checkpoint(folder);
}

void verify_checkpoint(const fs::path& folder) {
  try {
    require_readable_folder(folder);
    verify_checksums(folder);
  } catch (const fs::filesystem_error& error) {
    throw UserError("cannot read " + error.path1().string() + ": " + error.code().message());
  }
}

CheckpointFiles read_verified_checkpoint(const fs::path& folder) {
  try {
    CheckpointFiles files;
    files.config = read_config(folder);
    files.weights = read_weights(folder);
    return files;
  } catch (const fs::filesystem_error& error) {
    throw UserError("cannot read " + error.path1().string() + ": " + error.code().message());
  }
}

void write_checkpoint(const fs::path& folder, const nlohmann::json& config, const NamedTensors& weights) {
  write_json(folder / kConfig, config);
  write_generation_config(folder, config);
  write_safetensors(folder / kWeights, weights, {{"format", "pt"}});  // transformers refuses a file without "format"
}

}  // namespace infini
