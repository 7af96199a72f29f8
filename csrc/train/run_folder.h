#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "io/folder_lock.h"
#include "train/ranks.h"

namespace infini {

/// The folder of a run: config.yaml, metrics.jsonl, tensorboard/, checkpoints/step-N/, best.json. One process at a time
/// holds its lock; with several ranks it is the first rank.
class RunFolder {
 public:
  /// Locks the folder of an earlier run, if there is one. Throws UserError if it has checkpoints but the run is not to
  /// be resumed, or if another process is training in it.
  RunFolder(std::filesystem::path folder, bool resume, const Ranks& ranks);

  /// The newest checkpoint whose files match their checksums, or an empty path if the run has no checkpoint. Newer
  /// checkpoints that are damaged are renamed to step-N.damaged, with a warning. Throws UserError if all are damaged.
  std::filesystem::path newest_sound_checkpoint();

  /// Makes the folder of a new run. Called after all checks, so a refused run leaves no folder.
  void create();

  const std::filesystem::path& path() const { return folder_; }
  std::filesystem::path metrics() const { return folder_ / "metrics.jsonl"; }
  std::filesystem::path tensorboard() const { return folder_ / "tensorboard"; }
  std::filesystem::path checkpoints() const { return folder_ / "checkpoints"; }
  std::filesystem::path checkpoint(int64_t step) const;

 private:
  /// Locks the folder, which exists, and clears up what a killed process left there.
  void take();

  std::filesystem::path folder_;
  bool resume_;
  Ranks ranks_;
  std::optional<FolderLock> lock_;
};

}  // namespace infini
