#include "data/document_source.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <string_view>
#include <utility>

#include "data/dataset_description.h"
#include "log/error.h"

namespace infini {
namespace {

constexpr int64_t kFingerprintBytes = 1 << 16;
constexpr int64_t kLongLine = 1 << 16;

constexpr const char* kLayouts =
    "; expected a folder with train/*.txt, train/*.jsonl, train/*.jsonl.gz, train.jsonl, train.jsonl.gz or train.txt "
    "(and the same for validation and test), or one .txt, .jsonl or .jsonl.gz file";

std::optional<SourceFile::Kind> kind_of(const std::filesystem::path& file) {
  const std::string name = file.filename().string();
  if (name.ends_with(".txt")) return SourceFile::Kind::text;
  if (name.ends_with(".jsonl") || name.ends_with(".jsonl.gz")) return SourceFile::Kind::json_lines;
  return std::nullopt;
}

SourceFile whole_file(const std::filesystem::path& path, SourceFile::Kind kind) {
  SourceFile file;
  file.path = path;
  file.kind = kind;
  file.end = static_cast<int64_t>(std::filesystem::file_size(path));
  return file;
}

std::vector<SourceFile> files_of_folder(const std::filesystem::path& folder) {
  std::vector<SourceFile> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto kind = kind_of(entry.path());
    if (kind && entry.is_regular_file()) files.push_back(whole_file(entry.path(), *kind));
  }
  if (files.empty()) throw UserError("no .txt, .jsonl or .jsonl.gz file in " + folder.string());
  std::sort(files.begin(), files.end(), [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

SourceSplit make_split(const std::string& name, std::vector<SourceFile> files) {
  SourceSplit split{name, std::move(files), 0};
  for (const SourceFile& file : split.files) split.bytes += file.end - file.begin;
  return split;
}

std::vector<SourceSplit> splits_of_folder(const std::filesystem::path& source) {
  std::vector<SourceSplit> splits;
  for (const std::string name : kSplitNames) {
    std::vector<std::filesystem::path> found;
    for (const char* ending : {"", ".jsonl", ".jsonl.gz", ".txt"}) {
      const std::filesystem::path path = source / (name + ending);
      if (std::filesystem::exists(path)) found.push_back(path);
    }
    if (found.size() > 1) {
      throw UserError(source.string() + " has both " + found[0].filename().string() + " and " +
                      found[1].filename().string() + "; keep one of them");
    }
    if (found.empty()) continue;
    splits.push_back(make_split(name, std::filesystem::is_directory(found[0])
                                          ? files_of_folder(found[0])
                                          : std::vector{whole_file(found[0], *kind_of(found[0]))}));
  }
  if (splits.empty() || splits[0].name != kSplitNames[0]) {
    throw UserError(source.string() + " has no documents for training" + kLayouts);
  }
  return splits;
}

/// The offset at or after `offset` where a text file can be cut: behind the next line end, or if that is far, between
/// two characters.
int64_t cut_near(std::ifstream& input, int64_t offset) {
  std::string ahead(static_cast<size_t>(kLongLine), '\0');
  input.clear();
  input.seekg(offset);
  input.read(ahead.data(), kLongLine);
  ahead.resize(static_cast<size_t>(input.gcount()));
  const size_t line_end = ahead.find('\n');
  if (line_end != std::string::npos) return offset + static_cast<int64_t>(line_end) + 1;
  // The first byte that does not continue a character; one that runs over the border belongs to the part before.
  const auto begins_character = [](char c) { return (static_cast<uint8_t>(c) >> 6) != 2; };
  const auto first = std::find_if(ahead.begin(), ahead.end(), begins_character);
  return offset + (first - ahead.begin());
}

std::vector<SourceSplit> splits_of_text(const std::filesystem::path& path) {
  const SourceFile whole = whole_file(path, SourceFile::Kind::text);
  std::ifstream input(path, std::ios::binary);
  if (!input) throw UserError("cannot read " + path.string() + ": " + std::strerror(errno));
  const int64_t size = whole.end;
  const int64_t validation = cut_near(input, size - size / 10);
  const int64_t test = std::max(validation, cut_near(input, size - size / 20));
  const int64_t borders[] = {0, validation, test, size};
  std::vector<SourceSplit> splits;
  for (size_t i = 0; i < kSplitNames.size(); ++i) {
    SourceFile part = whole;
    part.begin = borders[i];
    part.end = borders[i + 1];
    // A text too short to share out is all for training; an empty file stays, to be reported as such.
    if (i == 0 || part.begin < part.end) splits.push_back(make_split(kSplitNames[i], {part}));
  }
  return splits;
}

std::vector<SourceSplit> splits_of_json_lines(const std::filesystem::path& path) {
  const int64_t borders[] = {0, 18, 19, 20};
  std::vector<SourceSplit> splits;
  for (size_t i = 0; i < kSplitNames.size(); ++i) {
    SourceFile share = whole_file(path, SourceFile::Kind::json_lines);
    share.first_share = borders[i];
    share.end_share = borders[i + 1];
    share.shares = borders[kSplitNames.size()];
    splits.push_back(make_split(kSplitNames[i], {share}));
  }
  return splits;
}

nlohmann::json fingerprint_of(const std::vector<SourceSplit>& splits) {
  int64_t files = 0, bytes = 0;
  uLong checksum = 0;
  const auto mix = [&checksum](std::string_view data) {
    checksum = crc32_z(checksum, reinterpret_cast<const Bytef*>(data.data()), data.size());
  };
  std::string content;
  for (const SourceSplit& split : splits) {
    mix(split.name);
    for (const SourceFile& file : split.files) {
      std::ifstream input(file.path, std::ios::binary);
      if (!input) throw UserError("cannot read " + file.path.string() + ": " + std::strerror(errno));
      mix(file.path.filename().string() + " " + std::to_string(file.begin) + " " + std::to_string(file.end) + "\n");
      for (const int64_t offset : {file.begin, std::max(file.begin, file.end - kFingerprintBytes)}) {
        content.resize(static_cast<size_t>(std::min(kFingerprintBytes, file.end - offset)));
        input.seekg(offset);
        input.read(content.data(), static_cast<std::streamsize>(content.size()));
        mix(content);
      }
      ++files;
      bytes += file.end - file.begin;
    }
  }
  return {{"files", files}, {"bytes", bytes}, {"crc32", static_cast<uint32_t>(checksum)}};
}

std::vector<SourceSplit> find_splits(const std::filesystem::path& source) {
  if (std::filesystem::is_directory(source)) return splits_of_folder(source);
  if (!std::filesystem::exists(source)) throw UserError("no such file or folder: " + source.string());
  const auto kind = kind_of(source);
  if (!kind) throw UserError(source.string() + " is of a kind that cannot be read" + kLayouts);
  return *kind == SourceFile::Kind::text ? splits_of_text(source) : splits_of_json_lines(source);
}

}  // namespace

DocumentSource find_documents(const std::filesystem::path& source) {
  try {
    DocumentSource result;
    result.splits = find_splits(source);
    result.fingerprint = fingerprint_of(result.splits);
    return result;
  } catch (const std::filesystem::filesystem_error& error) {
    throw UserError("cannot read " + error.path1().string() + ": " + error.code().message());
  }
}

}  // namespace infini
