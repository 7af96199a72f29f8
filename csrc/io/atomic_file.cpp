#include "io/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

namespace infini {

std::filesystem::path partial_path(const std::filesystem::path& target) {
  std::string name = ".";
  name += target.filename().string();
  name += ".partial";
  return target.parent_path() / name;
}

AtomicFile::AtomicFile(const std::filesystem::path& target)
    : target_(std::filesystem::is_symlink(target) ? std::filesystem::weakly_canonical(target) : target),
      partial_(partial_path(target_)) {
  descriptor_ = open(partial_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail(errno);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  close(descriptor_);
  unlink(partial_.c_str());
}

void AtomicFile::fail(int error) const {
  throw std::runtime_error("cannot write " + target_.string() + ": " + std::strerror(error));
}

void AtomicFile::write(const void* data, size_t size) {
  const char* next = static_cast<const char*>(data);
  while (size > 0) {
    // One call writes at most 2 GiB on Linux. With smaller pieces the kernel also starts to write to the disk earlier.
    const ssize_t written = ::write(descriptor_, next, std::min(size, size_t{1} << 26));
    if (written < 0) {
      if (errno == EINTR) continue;
      fail(errno);
    }
    next += written;
    size -= static_cast<size_t>(written);
  }
}

void AtomicFile::rewind() {
  if (lseek(descriptor_, 0, SEEK_SET) != 0) fail(errno);
}

void AtomicFile::commit() {
  if (fsync(descriptor_) != 0) fail(errno);
  if (rename(partial_.c_str(), target_.c_str()) != 0) fail(errno);
  const int closed = close(std::exchange(descriptor_, -1));
  if (closed != 0) fail(errno);
  sync_to_disk(target_.has_parent_path() ? target_.parent_path() : ".");
}

void write_file(const std::filesystem::path& file, std::string_view text) {
  AtomicFile output(file);
  output.write(text);
  output.commit();
}

void sync_to_disk(const std::filesystem::path& file_or_folder) {
  const int descriptor = open(file_or_folder.c_str(), O_RDONLY | O_CLOEXEC);
  const int synced = descriptor < 0 ? -1 : fsync(descriptor);
  const int error = errno;
  if (descriptor >= 0) close(descriptor);
  // Some network file systems cannot sync a folder and answer EINVAL. Nothing more can be done there.
  if (synced != 0 && error != EINVAL) {
    throw std::runtime_error("cannot sync " + file_or_folder.string() + ": " + std::strerror(error));
  }
}

}  // namespace infini
