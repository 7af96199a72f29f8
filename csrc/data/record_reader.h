#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "data/bad_records.h"
#include "data/document_source.h"

namespace infini {

/// One document as it lies in its source: a line of JSON, or a text file. A long text file comes in pieces.
struct Record {
  std::string content;
  SourceFile::Kind kind = SourceFile::Kind::text;
  std::filesystem::path file;
  int64_t line = 0;        ///< where it begins, from 1; 0: not known
  int64_t offset = 0;      ///< of a text file: where the piece begins
  bool begins = true;      ///< the document begins here
  bool ends = true;        ///< and ends here
  bool in_a_word = false;  ///< the piece before ended inside a word, or right behind one
  std::string problem;     ///< why the record could not be read; otherwise empty

  /// "FILE" or "FILE:LINE"
  std::string place() const;
};

/// What a record says, or why it cannot be used: invalid UTF-8, no JSON, no text, nothing in it. The problem begins
/// with "FILE:LINE: ".
struct DocumentText {
  std::string text;
  std::string problem;
};
/// `text_key`: which value of a line of JSON is the text.
DocumentText document_text(Record record, const std::string& text_key);

/// Where the first piece of a text ends; 0 where more has to be read to tell. `is_whole`: there is no more.
using FirstPiece = std::function<size_t(std::string_view text, bool is_whole)>;

/// How documents are taken from files.
struct TextReading {
  std::string text_key = "text";  ///< of a line of JSON: which value is the document
  OnBadRecord on_bad_record = OnBadRecord::fail;
};

class ByteReader;
class LineReader;

/// The records of one split, one after the other; holds one in memory. Empty lines between JSON lines are no records.
class RecordReader {
 public:
  /// Cuts text files by `first_piece`.
  RecordReader(const SourceSplit& split, FirstPiece first_piece);
  ~RecordReader();
  /// False where there is none left. Throws UserError if a file cannot be opened or read.
  bool next(Record& record);
  /// Goes on behind the next `count` documents, without reading those that are whole files.
  void skip(int64_t count);
  /// How much of SourceSplit::bytes has been read.
  int64_t bytes_read() const;

 private:
  void next_piece(Record& record);
  bool next_line(Record& record);
  /// Reads more of a text file; false at the end of what belongs here.
  bool read_text(std::string& problem);
  void close_file();

  const SourceSplit& split_;
  FirstPiece first_piece_;
  size_t file_ = 0;
  std::unique_ptr<LineReader> lines_;  ///< of the current file, if it is one of JSON lines
  int64_t records_of_file_ = 0;
  int64_t bytes_of_files_ = 0;  ///< of those that are done

  std::unique_ptr<ByteReader> text_;  ///< of the current file, if it is a text file that has been begun
  std::string pending_;               ///< read and not given
  int64_t offset_ = 0;                ///< of pending_
  int64_t text_read_ = 0;             ///< bytes of the text, decompressed
  int64_t line_ = 0;                  ///< of pending_
  bool begins_ = true, in_a_word_ = false;
};

}  // namespace infini
