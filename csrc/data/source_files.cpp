#include "data/source_files.h"

#include <algorithm>
#include <cctype>
#include <fstream>

#include "log/log.h"

namespace infini {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kTold = 10;
constexpr int64_t kLongestPointer = 1024;
constexpr std::string_view kPointer = "version https://git-lfs.github.com/spec/";

std::string in_small_letters(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool take_ending(std::string& name, std::string_view ending) {
  if (!name.ends_with(ending) || name.size() == ending.size()) return false;
  name.resize(name.size() - ending.size());
  return true;
}

/// git-lfs leaves a file of three lines in the place of one that it has not fetched.
bool is_git_lfs_pointer(const fs::path& file) {
  if (fs::file_size(file) > kLongestPointer) return false;
  std::string begin(kPointer.size(), '\0');
  std::ifstream(file, std::ios::binary).read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return begin == kPointer;
}

/// One file, or everything below a folder.
void collect(const fs::path& path, std::vector<SourceFile>& files, LeftOut& left_out) {
  if (fs::is_directory(path)) {
    std::vector<fs::path> entries;
    for (const auto& entry : fs::directory_iterator(path)) entries.push_back(entry.path());
    std::sort(entries.begin(), entries.end());
    for (const fs::path& entry : entries) {
      const bool hidden_folder = fs::is_directory(entry) && entry.filename().string().starts_with(".");
      // A link may lead to a folder above, and so to no end.
      const bool linked_folder = fs::is_directory(entry) && fs::is_symlink(entry);
      if (hidden_folder || linked_folder) {
        left_out.add(entry, hidden_folder ? "a hidden folder" : "a link to a folder; give the folder itself");
      } else {
        collect(entry, files, left_out);
      }
    }
    return;
  }
  const std::string reason = why_not_read(path);
  if (!reason.empty()) return left_out.add(path, reason);
  SourceFile file;
  file.path = path;
  file.kind = *source_name(path).kind;
  file.bytes = static_cast<int64_t>(fs::file_size(path));
  files.push_back(file);
}

}  // namespace

SourceName source_name(const fs::path& file) {
  SourceName name{in_small_letters(file.filename().string()), std::nullopt};
  if (!take_ending(name.stem, ".gz")) take_ending(name.stem, ".zst");
  if (take_ending(name.stem, ".txt")) {
    name.kind = SourceFile::Kind::text;
  } else if (take_ending(name.stem, ".jsonl")) {
    name.kind = SourceFile::Kind::json_lines;
  }
  return name;
}

std::string why_not_read(const fs::path& file) {
  if (fs::is_symlink(file) && !fs::exists(file)) return "a link that leads nowhere";
  if (!fs::is_regular_file(file)) return "neither a file nor a folder";
  if (!source_name(file).kind) {
    if (in_small_letters(file.extension().string()) == ".json") {
      return "JSON as a whole; make it .jsonl, a line for each document";
    }
    return "its name does not end in .txt or .jsonl (or these with .gz or .zst)";
  }
  if (is_git_lfs_pointer(file)) return "a pointer of git-lfs in the file's place; fetch the file with `git lfs pull`";
  return "";
}

void LeftOut::add(const fs::path& file, const std::string& reason) {
  if (++count_ <= kTold) log::warn("left out " + file.string() + ": " + reason);
}

void LeftOut::finish() const {
  if (count_ > kTold) log::warn("left out " + std::to_string(count_ - kTold) + " more files that cannot be read");
}

std::vector<SourceFile> source_files(const fs::path& path, LeftOut& left_out) {
  std::vector<SourceFile> files;
  collect(path, files, left_out);
  std::sort(files.begin(), files.end(), [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

}  // namespace infini
