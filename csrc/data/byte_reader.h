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

/// The bytes of a file, decompressed where it is compressed with gzip or zstd. It takes nothing for the end but the
/// end: what stands behind a compressed frame has to be another one, or zeros that fill up a block.
class ByteReader {
 public:
  /// Throws UserError if the file cannot be opened, or is called .gz or .zst and is not compressed.
  explicit ByteReader(const std::filesystem::path& file);

  /// Up to `size` bytes; 0 at the end, which is early where the compressed data are damaged: `problem` says so then.
  size_t read(char* bytes, size_t size, std::string& problem);
  /// Goes on `count` bytes later, or at the end.
  void skip(int64_t count);
  bool compressed() const { return decompressor_ != nullptr; }
  /// Bytes of the file itself that have been used.
  int64_t bytes_read() const { return taken_ - static_cast<int64_t>(input_.size()); }

 private:
  /// Reads more of the file where nothing of it is left; false at its end.
  bool refill();
  size_t decompress(char* bytes, size_t size, std::string& problem);

  std::filesystem::path path_;
  std::ifstream file_;
  std::vector<char> block_;
  std::span<const char> input_;  ///< what is left of the block
  std::unique_ptr<Decompressor> decompressor_;
  bool in_frame_ = false;  ///< between the first and the last byte of a compressed frame
  std::string damage_;     ///< found behind the bytes that were given last
  int64_t taken_ = 0;      ///< bytes of the file in all blocks so far
};

}  // namespace infini
