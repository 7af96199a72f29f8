#pragma once

#include <filesystem>

#include "io/checksums.h"

namespace infini {

/// A folder that appears whole or not at all. It is written beside its final place (`.NAME.partial`), synced, then
/// renamed. If the object is destroyed before `commit`, nothing is left. `commit` also writes checksums.json: the
/// CRC-32 of every file. The constructor removes the rest that a killed writer of the same target left.
class AtomicFolder {
 public:
  /// Creates the folders above `target` where they are missing. Throws UserError if `target` is a file.
  explicit AtomicFolder(const std::filesystem::path& target);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  /// Where to write until `commit`.
  const std::filesystem::path& path() const { return partial_; }
  /// Syncs files and folders, then renames. An existing target is exchanged in one step and then removed, so that the
  /// name always leads to a whole folder.
  void commit();

 private:
  std::filesystem::path target_, partial_;
  bool committed_ = false;
};

}  // namespace infini
