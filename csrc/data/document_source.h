#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace infini {

/// A file of a source, or the part of one that belongs to a split.
struct SourceFile {
  enum class Kind { text, json_lines };
  std::filesystem::path path;
  Kind kind = Kind::text;
  /// Of a text file: bytes [begin, end) are one document.
  int64_t begin = 0, end = 0;
  /// Of JSON lines: record i belongs here if first_share <= i mod shares < end_share.
  int64_t first_share = 0, end_share = 1, shares = 1;
};

struct SourceSplit {
  std::string name;  ///< "train", "validation" or "test"
  std::vector<SourceFile> files;
  int64_t bytes = 0;  ///< of the files, compressed where they are: what progress counts
};

/// Where documents come from. In all layouts .txt files are one document each, and .jsonl and .jsonl.gz files have one
/// JSON object a line, whose `text` is a document.
///  - a folder with a folder for each split: SOURCE/{train,validation,test}/*.{txt,jsonl,jsonl.gz} (PG19);
///  - a folder with a file for each split: SOURCE/{train,validation,test}.{jsonl,jsonl.gz,txt};
///  - one text file: its last 5% are `test`, the 5% before `validation`, the rest `train`; cut at the next line end, or
///    where none is near, between two characters;
///  - one file of JSON lines: of each 20 records the 19th is `validation`, the 20th `test`, the others `train`.
struct DocumentSource {
  std::vector<SourceSplit> splits;
  /// Names and sizes of all files, and the content of each one's first and last 64 KiB: {"files", "bytes", "crc32"}.
  nlohmann::json fingerprint;
};

/// Throws UserError that says which layouts are possible if there is none of them.
DocumentSource find_documents(const std::filesystem::path& source);

}  // namespace infini
