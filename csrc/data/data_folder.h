#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "io/folder_lock.h"

namespace infini {

/// The folder that `prepare` writes to, held by one process at a time.
class DataFolder {
 public:
  /// Makes the folder where there is none. `made_from` is what its content depends on. Throws UserError if another
  /// process is at work there, if the folder holds anything else, or data made from something else; half-prepared data
  /// without a whole shard are given up instead.
  DataFolder(const std::filesystem::path& folder, const nlohmann::json& made_from);

  const std::filesystem::path& path() const { return path_; }
  /// It was prepared whole, earlier.
  bool finished() const { return finished_; }
  /// It was begun earlier and is not whole.
  bool begun_before() const { return begun_before_; }

 private:
  std::filesystem::path path_;
  std::optional<FolderLock> lock_;
  bool finished_ = false;
  bool begun_before_ = false;
};

}  // namespace infini
