#include "io/atomic_folder.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>  // renameat2
#include <cstring>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "io/atomic_file.h"
#include "log/error.h"

namespace infini {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPartial = ".partial", kReplaced = ".partial.replaced";

/// What a folder is called for the moment in which another takes its place.
fs::path replaced_path(const fs::path& partial) {
  return partial.parent_path() / (partial.stem().string() + std::string(kReplaced));
}

/// Puts the folder back whose name is free, removes it where its successor stands.
void recover(const fs::path& target) {
  const fs::path partial = partial_path(target), replaced = replaced_path(partial);
  std::error_code error;
  if (fs::is_directory(replaced) && !fs::exists(target)) {
    fs::rename(replaced, target, error);
    if (error) throw std::runtime_error("cannot put " + target.string() + " back: " + error.message());
    sync_to_disk(target.parent_path());
  }
  for (const fs::path& left : {replaced, partial}) {
    fs::remove_all(left, error);
    if (error) throw std::runtime_error("cannot remove " + left.string() + ": " + error.message());
  }
}

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
  // A file system that cannot exchange (NFS): for a moment the old folder has only its second name.
  const fs::path old = replaced_path(partial);
  if (rename(target.c_str(), old.c_str()) != 0) return errno;
  if (rename(partial.c_str(), target.c_str()) != 0) {
    const int error = errno;
    rename(old.c_str(), target.c_str());
    return error;
  }
  return rename(old.c_str(), partial.c_str()) == 0 ? 0 : errno;
}

}  // namespace

void recover_atomic_folders(const fs::path& parent) {
  if (!fs::is_directory(parent)) return;
  std::set<fs::path> targets;
  for (const auto& entry : fs::directory_iterator(parent)) {
    const std::string name = entry.path().filename().string();
    for (const std::string_view ending : {kReplaced, kPartial}) {
      if (!entry.is_directory() || !name.starts_with(".") || !name.ends_with(ending)) continue;
      targets.insert(parent / name.substr(1, name.size() - 1 - ending.size()));
    }
  }
  for (const fs::path& target : targets) recover(target);
}

AtomicFolder::AtomicFolder(const fs::path& target) : target_(fs::absolute(target).lexically_normal()) {
  if (!target_.has_filename()) target_ = target_.parent_path();  // "step-5/"
  partial_ = partial_path(target_);
  if (fs::exists(target_) && !fs::is_directory(target_)) {
    throw UserError(target.string() + " is a file; give the name of a folder to write");
  }
  recover(target_);
  std::error_code error;
  fs::create_directories(partial_, error);
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
