#include "data/data_folder.h"

#include <string>

#include "data/dataset_description.h"
#include "data/shard.h"
#include "io/json_file.h"
#include "log/error.h"

namespace infini {
namespace {

/// "tokenizer was {…}, now it is {…}", for the first key that differs; empty where none does.
std::string difference(const nlohmann::json& before, const nlohmann::json& now) {
  for (const auto& [key, value] : now.items()) {
    const nlohmann::json old = before.value(key, nlohmann::json());
    if (old != value) return key + " was " + old.dump() + ", now it is " + value.dump();
  }
  return "";
}

bool has_whole_shard(const std::filesystem::path& folder) {
  for (const char* split : kSplitNames) {
    if (std::filesystem::exists(shard_file(folder / split, 0))) return true;
  }
  return false;
}

/// What a process that was killed while it wrote leaves behind.
bool is_partial(const std::filesystem::path& file) {
  const std::string name = file.filename().string();
  return name.starts_with(".") && name.ends_with(".partial");
}

void require_empty(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (is_partial(entry.path())) continue;
    throw UserError(folder.string() + " holds other files (" + entry.path().filename().string() +
                    "); give a new or empty folder to write to");
  }
}

void give_up(const std::filesystem::path& folder) {
  for (const char* split : kSplitNames) std::filesystem::remove_all(folder / split);
  for (const char* file : {"tokenizer.model", "tokenizer_config.json"}) std::filesystem::remove(folder / file);
}

}  // namespace

DataFolder::DataFolder(const std::filesystem::path& folder, const nlohmann::json& made_from) : path_(folder) {
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  if (!std::filesystem::is_directory(path_)) {
    throw UserError("cannot make the folder " + path_.string() + (error ? ": " + error.message() : ""));
  }
  lock_.emplace(path_, "preparing");
  const std::filesystem::path half_done = path_ / kHalfDoneFile;
  finished_ = std::filesystem::exists(path_ / kDatasetFile);
  begun_before_ = !finished_ && std::filesystem::exists(half_done);
  if (finished_ || begun_before_) {
    const nlohmann::json before = finished_ ? read_dataset_description(path_).made_from : read_json(half_done);
    if (!before.is_object()) {
      throw UserError((finished_ ? path_ / kDatasetFile : half_done).string() +
                      " is damaged: it does not say what the data are made from; delete the folder and prepare again");
    }
    const std::string changed = difference(before, made_from);
    if (!changed.empty() && (finished_ || has_whole_shard(path_))) {
      throw UserError(path_.string() + (finished_ ? " was" : " is half") + " prepared from something else: " + changed +
                      "; delete it or give another folder");
    }
    if (!changed.empty()) {
      give_up(path_);
      begun_before_ = false;
    }
  } else {
    require_empty(path_);
  }
  if (!finished_ && !begun_before_) write_json(half_done, made_from);
}

}  // namespace infini
