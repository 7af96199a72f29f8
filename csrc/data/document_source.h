#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/source_files.h"

namespace infini {

struct SourceSplit {
  std::string name;  ///< "train", "validation" or "test"
  std::vector<SourceFile> files;
  int64_t bytes = 0;  ///< of the files: what progress counts
};

/// Where documents come from. In all layouts .txt files are one document each, and .jsonl files have one JSON object a
/// line, of which one string is a document. Each may be compressed: .txt.gz, .jsonl.zst. Capital letters in a name make
/// no difference. `validation` may also be called val, valid or dev.
///  - a folder with a folder for each split: SOURCE/{train,validation,test}/, read with all folders inside (PG19);
///  - a folder with a file for each split: SOURCE/{train,validation,test}.{txt,jsonl}[.gz|.zst];
///  - one text file: its last 5% are `test`, the 5% before `validation`, the rest `train`; cut at the next line end, or
///    where none is near, between two characters;
///  - one file of JSON lines: of each 20 records the 19th is `validation`, the 20th `test`, the others `train`.
/// Whatever else lies there is told in a warning, with the reason.
struct DocumentSource {
  std::vector<SourceSplit> splits;
  /// Names and content of all files: {"files", "bytes", "crc32"}. Every byte counts.
  nlohmann::json fingerprint;
};

/// Reads every file once, for the fingerprint. Throws UserError that says which layouts are possible if there is none
/// of them.
DocumentSource find_documents(const std::filesystem::path& source);

/// All documents of one file or folder as one split, by the same rules for names.
SourceSplit find_texts(const std::filesystem::path& file_or_folder);

}  // namespace infini
