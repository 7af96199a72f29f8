#pragma once

#include <filesystem>

namespace infini {

/// A folder that appears whole or not at all: written beside its final place (`.NAME.partial`), synced, then renamed.
/// Destroyed before `commit`, it leaves nothing behind. `commit` also writes checksums.json: the CRC-32 of every file.
class AtomicFolder {
 public:
  explicit AtomicFolder(std::filesystem::path target);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  /// Where to write until `commit`.
  const std::filesystem::path& path() const { return partial_; }
  /// Syncs files and folders, then renames. Replaces an existing target.
  void commit();

 private:
  std::filesystem::path target_, partial_;
  bool committed_ = false;
};

/// Checks every file of a folder that has a checksums.json against it; throws UserError that names the damaged file.
/// A folder without one (from elsewhere) passes.
void verify_checksums(const std::filesystem::path& folder);

}  // namespace infini
