#include "data/document_source.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <string_view>
#include <utility>

#include "data/byte_reader.h"
#include "data/dataset_description.h"
#include "log/error.h"
#include "log/progress.h"

namespace infini {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBlock = size_t{1} << 20;
constexpr size_t kLongLine = size_t{1} << 16;

constexpr const char* kLayouts =
    "; expected a folder with train/ or train.jsonl or train.txt (and the same for validation and test), or one .txt "
    "or .jsonl file; .gz and .zst of these are read too";

/// The split that a name without endings stands for; empty where it is none.
std::string split_of(const std::string& stem) {
  if (stem == "val" || stem == "valid" || stem == "dev") return "validation";
  for (const std::string split : kSplitNames) {
    if (stem == split) return split;
  }
  return "";
}

SourceSplit make_split(const std::string& name, std::vector<SourceFile> files) {
  SourceSplit split{name, std::move(files), 0};
  for (const SourceFile& file : split.files) split.bytes += file.bytes;
  return split;
}

/// The folder or file of each split in a source folder.
std::map<std::string, fs::path> places_of_splits(const fs::path& source, LeftOut& left_out) {
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(source)) entries.push_back(entry.path());
  std::sort(entries.begin(), entries.end());
  std::map<std::string, fs::path> places;
  for (const fs::path& entry : entries) {
    const SourceName name = source_name(entry);
    const std::string split = split_of(name.stem);
    if (split.empty()) {
      const std::string reason = fs::is_directory(entry) ? "" : why_not_read(entry);
      left_out.add(entry, reason.empty() ? "its name is none of train, validation and test" : reason);
    } else if (!name.kind && fs::is_regular_file(entry)) {
      throw UserError("cannot read " + entry.string() + ": " + why_not_read(entry) + "; call it " + split +
                      ".txt if it is one document, or " + split + ".jsonl if each line is one");
    } else if (!fs::exists(entry)) {
      left_out.add(entry, why_not_read(entry));
    } else if (!places.emplace(split, entry).second) {
      throw UserError(source.string() + " has both " + places[split].filename().string() + " and " +
                      entry.filename().string() + " for " + split + "; keep one of them");
    }
  }
  return places;
}

std::vector<SourceSplit> splits_of_folder(const fs::path& source, LeftOut& left_out) {
  const std::map<std::string, fs::path> places = places_of_splits(source, left_out);
  if (!places.contains(kSplitNames[0])) throw UserError(source.string() + " has no documents for training" + kLayouts);
  std::vector<SourceSplit> splits;
  for (const std::string name : kSplitNames) {
    const auto place = places.find(name);
    if (place == places.end()) continue;
    splits.push_back(make_split(name, source_files(place->second, left_out)));
    if (splits.back().files.empty()) {
      throw UserError("no .txt or .jsonl file (or these with .gz or .zst) in " + place->second.string());
    }
  }
  return splits;
}

/// The offset at or after `offset` where a text can be cut: behind the next line end, or if that is far, between two
/// characters.
int64_t cut_near(const fs::path& path, int64_t offset) {
  ByteReader input(path);
  input.skip(offset);
  std::string ahead(kLongLine, '\0'), problem;
  size_t size = 0;
  while (size < ahead.size()) {
    const size_t count = input.read(ahead.data() + size, ahead.size() - size, problem);
    if (count == 0) break;
    size += count;
  }
  ahead.resize(size);
  const size_t line_end = ahead.find('\n');
  if (line_end != std::string::npos) return offset + static_cast<int64_t>(line_end) + 1;
  // The first byte that does not continue a character; one that runs over the border belongs to the part before.
  const auto begins_character = [](char c) { return (static_cast<uint8_t>(c) >> 6) != 2; };
  const auto first = std::find_if(ahead.begin(), ahead.end(), begins_character);
  return offset + (first - ahead.begin());
}

/// The length of a text file when it is decompressed.
int64_t text_length(const SourceFile& file) {
  ByteReader input(file.path);
  if (!input.compressed()) return file.bytes;
  std::string block(kBlock, '\0'), problem;
  int64_t length = 0;
  while (const size_t count = input.read(block.data(), block.size(), problem)) length += static_cast<int64_t>(count);
  if (!problem.empty()) throw UserError(file.path.string() + ": " + problem);
  return length;
}

std::vector<SourceSplit> splits_of_text(const SourceFile& whole) {
  const int64_t size = text_length(whole);
  const int64_t validation = cut_near(whole.path, size - size / 10);
  const int64_t test = std::max(validation, cut_near(whole.path, size - size / 20));
  const int64_t borders[] = {0, validation, test, size};
  std::vector<SourceSplit> splits;
  for (size_t i = 0; i < kSplitNames.size(); ++i) {
    SourceFile part = whole;
    part.begin = borders[i];
    part.end = borders[i + 1];
    part.bytes = borders[i + 1] - borders[i];
    // A text too short to share out is all for training; an empty file stays, to be reported as such.
    if (i == 0 || part.bytes > 0) splits.push_back(make_split(kSplitNames[i], {part}));
  }
  return splits;
}

std::vector<SourceSplit> splits_of_json_lines(const SourceFile& whole) {
  const int64_t borders[] = {0, 18, 19, 20};
  std::vector<SourceSplit> splits;
  for (size_t i = 0; i < kSplitNames.size(); ++i) {
    SourceFile share = whole;
    share.first_share = borders[i];
    share.end_share = borders[i + 1];
    share.shares = borders[kSplitNames.size()];
    splits.push_back(make_split(kSplitNames[i], {share}));
  }
  return splits;
}

/// The CRC-32 of a file as it lies on the disk.
uint32_t checksum_of(const fs::path& file, int64_t bytes_before, Progress& progress) {
  std::ifstream input(file, std::ios::binary);
  if (!input) throw UserError("cannot read " + file.string() + ": " + std::strerror(errno));
  std::vector<char> block(kBlock);
  uLong checksum = 0;
  int64_t bytes = bytes_before;
  while (input.read(block.data(), static_cast<std::streamsize>(block.size())) || input.gcount() > 0) {
    checksum = crc32_z(checksum, reinterpret_cast<const Bytef*>(block.data()), static_cast<z_size_t>(input.gcount()));
    bytes += input.gcount();
    progress.update(bytes);
  }
  if (input.bad()) throw UserError("cannot read " + file.string() + ": " + std::strerror(errno));
  return static_cast<uint32_t>(checksum);
}

nlohmann::json fingerprint_of(const fs::path& source, const std::vector<SourceSplit>& splits) {
  std::map<fs::path, int64_t> sizes;
  for (const SourceSplit& split : splits) {
    for (const SourceFile& file : split.files) sizes[file.path] = static_cast<int64_t>(fs::file_size(file.path));
  }
  int64_t bytes = 0;
  for (const auto& [file, size] : sizes) bytes += size;
  std::map<fs::path, uint32_t> checksums;
  Progress progress("checksums of the source", bytes, "bytes");
  int64_t bytes_before = 0;
  for (const auto& [file, size] : sizes) {
    checksums[file] = checksum_of(file, bytes_before, progress);
    bytes_before += size;
  }
  progress.finish();

  uLong all = 0;
  int64_t files = 0;
  const auto mix = [&all](const std::string& text) {
    all = crc32_z(all, reinterpret_cast<const Bytef*>(text.data()), text.size());
  };
  for (const SourceSplit& split : splits) {
    mix(split.name);
    for (const SourceFile& file : split.files) {
      // The source may have been moved as a whole.
      const fs::path name = fs::is_directory(source) ? file.path.lexically_relative(source) : file.path.filename();
      mix(name.generic_string() + " " + std::to_string(file.begin) + " " + std::to_string(sizes[file.path]) + " " +
          std::to_string(checksums[file.path]) + "\n");
      ++files;
    }
  }
  return {{"files", files}, {"bytes", bytes}, {"crc32", static_cast<uint32_t>(all)}};
}

std::vector<SourceSplit> find_splits(const fs::path& source, LeftOut& left_out) {
  if (fs::is_directory(source)) return splits_of_folder(source, left_out);
  if (!fs::exists(source)) throw UserError("no such file or folder: " + source.string());
  if (const std::string reason = why_not_read(source); !reason.empty()) {
    throw UserError("cannot read " + source.string() + ": " + reason + kLayouts);
  }
  const SourceFile file = source_files(source, left_out).front();
  return file.kind == SourceFile::Kind::text ? splits_of_text(file) : splits_of_json_lines(file);
}

/// What `find` gives; what the file system says becomes a UserError.
template <typename Find>
auto with_refusals(const Find& find) {
  try {
    return find();
  } catch (const fs::filesystem_error& error) {
    throw UserError("cannot read " + error.path1().string() + ": " + error.code().message());
  }
}

}  // namespace

DocumentSource find_documents(const fs::path& source) {
  return with_refusals([&] {
    LeftOut left_out;
    DocumentSource result;
    result.splits = find_splits(source, left_out);
    left_out.finish();
    result.fingerprint = fingerprint_of(source, result.splits);
    return result;
  });
}

SourceSplit find_texts(const fs::path& file_or_folder) {
  return with_refusals([&] {
    LeftOut left_out;
    SourceSplit split = make_split("", source_files(file_or_folder, left_out));
    left_out.finish();
    return split;
  });
}

}  // namespace infini
