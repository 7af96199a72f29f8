#pragma once

#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace infini {

/// The bytes of a file, inflated where it is gzip'd. Unlike zlib's own gzread it takes nothing for the end but the end:
/// what stands behind a gzip member has to be another one, or zeros that fill up a block.
class ByteReader {
 public:
  /// Throws UserError if the file cannot be opened, or is called .gz and is not.
  explicit ByteReader(const std::filesystem::path& file);
  ~ByteReader();
  ByteReader(const ByteReader&) = delete;
  ByteReader& operator=(const ByteReader&) = delete;

  /// Up to `size` bytes; 0 at the end, which is early where the compressed data are damaged: `problem` says so then.
  size_t read(char* bytes, size_t size, std::string& problem);
  /// Bytes of the file itself that have been used.
  int64_t bytes_read() const { return taken_ - stream_.avail_in; }

 private:
  /// Reads more of the file where nothing of it is left; false at its end.
  bool refill();
  size_t inflate_some(char* bytes, size_t size, std::string& problem);

  std::filesystem::path file_;
  std::ifstream input_;
  std::vector<char> block_;
  z_stream stream_{};  ///< next_in, avail_in: what is left of the block, of plain files too
  bool compressed_ = false;
  bool in_member_ = false;  ///< between the first and the last byte of a gzip member
  std::string damage_;      ///< found behind the bytes that were given last
  int64_t taken_ = 0;       ///< bytes of the file in all blocks so far
};

}  // namespace infini
