#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/byte_reader.h"

namespace infini {

/// The lines of a file, plain or gzip'd, read in blocks: its size does not matter.
class LineReader {
 public:
  /// Throws UserError if the file cannot be opened, or is called .gz and is not.
  explicit LineReader(const std::filesystem::path& file);

  /// False at the end of the file. Where the line cannot be given (the compressed data are damaged, which ends the
  /// file, or it is longer than 1 GiB) `problem` says so.
  bool next(std::string& line, std::string& problem);
  /// Of the last line, from 1.
  int64_t line_number() const { return line_number_; }
  /// Bytes of the file (compressed ones, where it is) that have been read.
  int64_t bytes_read() const { return input_.bytes_read(); }

 private:
  /// Reads the next block; false at the end of the file. Fills `problem` where the data are damaged.
  bool refill(std::string& problem);

  ByteReader input_;
  std::vector<char> block_;
  size_t begin_ = 0, end_ = 0;  ///< what is left of the block
  int64_t line_number_ = 0;
  bool ended_ = false;
};

}  // namespace infini
