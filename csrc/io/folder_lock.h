#pragma once

#include <filesystem>
#include <string>

namespace infini {

/// Reserves an existing folder for this process, until the object is destroyed or the process ends.
class FolderLock {
 public:
  /// Throws UserError if the folder cannot be opened, or if another process holds it: "another process is `doing` …".
  FolderLock(const std::filesystem::path& folder, const std::string& doing);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;  ///< of the folder
};

}  // namespace infini
