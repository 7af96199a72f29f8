#pragma once

#include <filesystem>

#include "io/checksums.h"

namespace infini {

/// Clears up what killed writers of AtomicFolders left in `parent`. A folder that was being replaced where the file
/// system cannot exchange two names may be there under its second name alone: it is put back. Half-written folders are
/// removed. Call it only while nobody writes there. A `parent` that does not exist is left so.
void recover_atomic_folders(const std::filesystem::path& parent);

/// A folder that appears whole or not at all: written beside its final place (`.NAME.partial`), synced, then renamed.
/// Destroyed before `commit`, it leaves nothing behind. `commit` also writes checksums.json: the CRC-32 of every file.
/// What a killed writer of the same target left behind is removed first.
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
