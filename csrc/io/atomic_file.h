#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace infini {

/// `.NAME.partial` beside NAME: the name of a file or folder until it is whole.
std::filesystem::path partial_path(const std::filesystem::path& target);

/// A file that appears whole or not at all. It is written beside its final place (`.NAME.partial`), synced, then
/// renamed. A symbolic link stays a link, and the file it points to is replaced. If the object is destroyed before
/// `commit`, no file is left. Every failure throws std::runtime_error that names the file and the system's reason ("No
/// space left on device").
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, size_t size);
  void write(std::string_view text) { write(text.data(), text.size()); }
  /// Goes back to the first byte: what is written next replaces what is there.
  void rewind();
  /// Syncs the file, renames it and syncs its folder. Replaces an existing file.
  void commit();

 private:
  [[noreturn]] void fail(int error) const;

  std::filesystem::path target_, partial_;
  int descriptor_ = -1;
};

/// Writes a small file in one go.
void write_file(const std::filesystem::path& file, std::string_view text);

/// After this call the content of a file, or the names in a folder, survive a loss of power.
void sync_to_disk(const std::filesystem::path& file_or_folder);

}  // namespace infini
