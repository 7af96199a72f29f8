#include "io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "log/error.h"

namespace infini {
namespace {

[[noreturn]] void throw_unreadable(const std::filesystem::path& file, int error) {
  throw UserError("cannot read " + file.string() + ": " + std::strerror(error));
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& file) {
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw_unreadable(file, errno);
  struct stat status {};
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(descriptor);
    throw UserError("cannot read " + file.string() + ": it is not a file");
  }
  size_ = static_cast<size_t>(status.st_size);
  if (size_ > 0) {  // an empty mapping is an error to mmap
    void* const mapping = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
    const int error = errno;
    if (mapping == MAP_FAILED) {
      close(descriptor);
      throw_unreadable(file, error);
    }
    madvise(mapping, size_, MADV_SEQUENTIAL);
    data_ = static_cast<const std::byte*>(mapping);
  }
  close(descriptor);  // the mapping outlives it
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace infini
