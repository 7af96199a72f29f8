#include "io/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "log/error.h"

namespace infini {

FolderLock::FolderLock(const std::filesystem::path& folder, const std::string& doing)
    : descriptor_(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor_ < 0) throw UserError("cannot open " + folder.string() + ": " + std::strerror(errno));
  // On a file system without locks every folder counts as free.
  if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    close(descriptor_);
    throw UserError("another process is " + doing + " " + folder.string() +
                    "; wait for its end, or give another folder");
  }
}

FolderLock::~FolderLock() { close(descriptor_); }

}  // namespace infini
