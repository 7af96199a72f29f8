#include "io/append_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace infini {

AppendFile::AppendFile(std::filesystem::path file) : file_(std::move(file)) {
  descriptor_ = open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail(errno);
}

AppendFile::~AppendFile() { close(descriptor_); }

void AppendFile::append(std::string_view record) {
  while (!record.empty()) {
    const ssize_t written = write(descriptor_, record.data(), record.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(errno);
    record.remove_prefix(static_cast<size_t>(written));
  }
}

void AppendFile::sync() {
  if (fsync(descriptor_) != 0) fail(errno);
}

void AppendFile::fail(int error) const {
  throw std::runtime_error("cannot write " + file_.string() + ": " + std::strerror(error));
}

}  // namespace infini
