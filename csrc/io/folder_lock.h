#pragma once

#include <filesystem>
#include <string>

namespace infini {

/// Holds an existing folder for one process at a time, until the end of its life or of the process.
class FolderLock {
 public:
  /// Throws UserError where the folder cannot be opened or another process holds it: "another process is `doing` …".
  FolderLock(const std::filesystem::path& folder, const std::string& doing);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;  ///< of the folder
};

}  // namespace infini
