#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "io/folder_lock.h"

namespace infini {

/// The layout of a run: config.yaml, metrics.jsonl, tensorboard/, checkpoints/step-N/. Held by one process at a time.
class RunFolder {
 public:
  /// Creates the folder. Throws UserError if the run has checkpoints already and is not to be resumed, or if another
  /// process is training in it.
  RunFolder(std::filesystem::path folder, bool resume);

  const std::filesystem::path& path() const { return folder_; }
  std::filesystem::path metrics() const { return folder_ / "metrics.jsonl"; }
  std::filesystem::path tensorboard() const { return folder_ / "tensorboard"; }
  std::filesystem::path checkpoints() const { return folder_ / "checkpoints"; }
  std::filesystem::path checkpoint(int64_t step) const;

  /// The resolved configuration, enough to run again.
  void write_config(const std::string& yaml) const;

  /// The newest checkpoint whose files agree with their checksums, or an empty path if the run has none. Newer, damaged
  /// ones are warned about and set aside as step-N.damaged; throws UserError if all are damaged.
  std::filesystem::path newest_sound_checkpoint();

 private:
  std::filesystem::path folder_;
  std::optional<FolderLock> lock_;
};

}  // namespace infini
