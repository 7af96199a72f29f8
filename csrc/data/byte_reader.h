#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/decompressor.h"

namespace infini {

/// The bytes of a file, decompressed if it is compressed with gzip or zstd. After a compressed frame there must be the
/// end of the file, another frame, or zeros that fill up a block. Anything else is reported as damage.
class ByteReader {
 public:
  /// Throws UserError if the file cannot be opened, or if its name ends in .gz or .zst and it is not compressed.
  explicit ByteReader(const std::filesystem::path& file);

  /// Reads up to `size` bytes; 0 at the end. Damaged data end early, and `problem` says so.
  size_t read(char* bytes, size_t size, std::string& problem);
  /// Skips `count` bytes, or all that are left.
  void skip(int64_t count);
  bool compressed() const { return decompressor_ != nullptr; }
  /// Bytes of the file that have been used, before decompression.
  int64_t bytes_read() const { return taken_ - static_cast<int64_t>(input_.size()); }

 private:
  /// Reads the next block once the last one is used up; false at the end of the file.
  bool refill();
  size_t decompress(char* bytes, size_t size, std::string& problem);

  std::filesystem::path path_;
  std::ifstream file_;
  std::vector<char> block_;
  std::span<const char> input_;  ///< what is left of the block
  std::unique_ptr<Decompressor> decompressor_;
  bool in_frame_ = false;  ///< between the first and the last byte of a compressed frame
  std::string damage_;     ///< found after the bytes of the last read
  int64_t taken_ = 0;      ///< bytes of the file in all blocks so far
};

}  // namespace infini
