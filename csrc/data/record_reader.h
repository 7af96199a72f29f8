#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "data/document_source.h"
#include "log/error.h"

namespace infini {

/// One document as it lies in its source: a text file, or a line of JSON.
struct Record {
  std::string content;
  SourceFile::Kind kind = SourceFile::Kind::text;
  std::filesystem::path file;
  int64_t line = 0;     ///< of JSON lines, from 1; 0 for a text file
  int64_t offset = 0;   ///< of a part of a text file: where it begins
  std::string problem;  ///< why the record could not be read; otherwise empty
};

/// What a record says, or why it cannot be used: invalid UTF-8, no JSON, no `text`, nothing in it. The problem begins
/// with "FILE:LINE: ".
struct DocumentText {
  std::string text;
  std::string problem;
};
DocumentText document_text(Record record);

/// A record that cannot be used, where none may be left out. The message is DocumentText's problem.
struct BrokenRecord : UserError {
  using UserError::UserError;
};

class LineReader;

/// The records of one split, one after the other; holds one in memory. Empty lines between JSON lines are no records.
class RecordReader {
 public:
  explicit RecordReader(const SourceSplit& split);
  ~RecordReader();
  /// False where there is none left. Throws UserError if a file cannot be opened or read.
  bool next(Record& record);
  /// Goes on behind the next `count` records, without reading those that are whole files.
  void skip(int64_t count);
  /// How much of SourceSplit::bytes has been read.
  int64_t bytes_read() const;

 private:
  bool next_line(Record& record);
  void close_file();

  const SourceSplit& split_;
  size_t file_ = 0;
  std::unique_ptr<LineReader> lines_;  ///< of the current file, if it is one of JSON lines
  int64_t records_of_file_ = 0;
  int64_t bytes_of_files_ = 0;  ///< of those that are done
};

}  // namespace infini
