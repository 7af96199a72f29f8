#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace infini {

/// A file of a source, or the part of one that belongs to a split.
struct SourceFile {
  enum class Kind { text, json_lines };
  std::filesystem::path path;
  Kind kind = Kind::text;
  int64_t bytes = 0;  ///< of the file or part, as progress counts them: compressed ones where it is compressed
  /// Of a text file: bytes [begin, end) of the (decompressed) text are one document; without `end` it is the rest.
  int64_t begin = 0;
  std::optional<int64_t> end;
  /// Of JSON lines: record i belongs here if first_share <= i mod shares < end_share.
  int64_t first_share = 0, end_share = 1, shares = 1;
};

/// The name of a file without the endings that can be read, in small letters, and what they say of it:
/// "Train.jsonl.GZ" is `train`, JSON lines. No kind: it cannot be read.
struct SourceName {
  std::string stem;
  std::optional<SourceFile::Kind> kind;
};
SourceName source_name(const std::filesystem::path& file);

/// What was found and is not read. Each is told with its reason in a warning, up to a bound; the rest are counted.
class LeftOut {
 public:
  void add(const std::filesystem::path& file, const std::string& reason);
  /// Warns of those that were too many to be told one by one.
  void finish() const;

 private:
  int64_t count_ = 0;
};

/// The files that can be read at `path`: itself, or all of a folder and of the folders inside, in order of their paths.
/// Whatever else is there goes to `left_out`.
std::vector<SourceFile> source_files(const std::filesystem::path& path, LeftOut& left_out);

/// Why a file cannot be read: the reason for LeftOut, or for a refusal.
std::string why_not_read(const std::filesystem::path& file);

}  // namespace infini
