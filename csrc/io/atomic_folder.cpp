#include "io/atomic_folder.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>  // renameat2
#include <cstring>
#include <stdexcept>
#include <string>
#include <system_error>

#include "io/atomic_file.h"
#include "log/error.h"

namespace infini {
namespace {

namespace fs = std::filesystem;

void sync_all(const fs::path& folder) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() || entry.is_directory()) sync_to_disk(entry.path());
  }
  sync_to_disk(folder);
}

/// Exchanges the names of the folders `partial` and `target`.
int exchange(const fs::path& partial, const fs::path& target) {
  if (renameat2(AT_FDCWD, partial.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // Some file systems (NFS) cannot exchange names. There the target is missing for a moment.
  const fs::path old = partial.string() + ".replaced";
  if (rename(target.c_str(), old.c_str()) != 0) return errno;
  if (rename(partial.c_str(), target.c_str()) != 0) {
    const int error = errno;
    rename(old.c_str(), target.c_str());
    return error;
  }
  return rename(old.c_str(), partial.c_str()) == 0 ? 0 : errno;
}

}  // namespace

AtomicFolder::AtomicFolder(const fs::path& target) : target_(fs::absolute(target).lexically_normal()) {
  if (!target_.has_filename()) target_ = target_.parent_path();  // "step-5/"
  partial_ = partial_path(target_);
  if (fs::exists(target_) && !fs::is_directory(target_)) {
    throw UserError(target.string() + " is a file; give the name of a folder to write");
  }
  std::error_code error;
  fs::remove_all(partial_, error);
  if (!error) fs::create_directories(partial_, error);
  if (error) throw std::runtime_error("cannot create " + partial_.string() + ": " + error.message());
}

AtomicFolder::~AtomicFolder() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(partial_, ignored);
}

void AtomicFolder::commit() {
  write_checksums(partial_);
  sync_all(partial_);
  const bool replaces = fs::exists(target_);
  const int error = replaces ? exchange(partial_, target_) : rename(partial_.c_str(), target_.c_str()) != 0 ? errno : 0;
  if (error != 0) throw std::runtime_error("cannot create " + target_.string() + ": " + std::strerror(error));
  committed_ = true;
  sync_to_disk(target_.parent_path());
  std::error_code ignored;  // the next writer of this target removes the rest of the old folder
  if (replaces) fs::remove_all(partial_, ignored);
}

}  // namespace infini
