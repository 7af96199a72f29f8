#include "data/record_reader.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "data/byte_reader.h"
#include "data/line_reader.h"
#include "io/json_file.h"
#include "log/error.h"
#include "text/utf8.h"

namespace infini {
namespace {

constexpr size_t kPieceBlock = size_t{1} << 20;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

std::string invalid_utf8(uint8_t byte, int64_t offset, const char* where) {
  char message[80];
  std::snprintf(message, sizeof message, "invalid UTF-8: 0x%02X is byte %lld of the %s", byte,
                static_cast<long long>(offset) + 1, where);
  return message;
}

DocumentText parse_json_line(const std::string& line, const std::string& text_key) {
  std::optional<JsonFault> fault;
  nlohmann::json json = parse_json(line, fault);
  if (fault) return {"", "not valid JSON at byte " + std::to_string(fault->byte) + " of the line: " + fault->reason};
  if (!json.is_object() || !json.contains(text_key)) return {"", "the JSON is no object with a \"" + text_key + "\""};
  nlohmann::json& text = json[text_key];
  if (!text.is_string()) return {"", "\"" + text_key + "\" is no string but " + std::string(text.type_name())};
  return {std::move(text.get_ref<std::string&>()), ""};
}

}  // namespace

std::string Record::place() const {
  return file.string() + (kind == SourceFile::Kind::json_lines && line > 0 ? ":" + std::to_string(line) : "");
}

DocumentText document_text(Record record, const std::string& text_key) {
  const bool is_text = record.kind == SourceFile::Kind::text;
  const auto problem = [&](const std::string& what) { return DocumentText{"", record.place() + ": " + what}; };
  if (!record.problem.empty()) return problem(record.problem);
  const bool at_beginning = is_text ? record.offset == 0 : record.line == 1;
  if (at_beginning && (record.content.starts_with("\xFF\xFE") || record.content.starts_with("\xFE\xFF"))) {
    return problem("the file is UTF-16; make it UTF-8 with `iconv -f UTF-16 -t UTF-8`");
  }
  if (const auto offset = invalid_utf8_offset(record.content)) {
    const std::string what = invalid_utf8(static_cast<uint8_t>(record.content[static_cast<size_t>(*offset)]),
                                          record.offset + *offset, is_text ? "file" : "line");
    if (!is_text || record.line == 0) return problem(what);
    const int64_t line = record.line + std::count(record.content.begin(), record.content.begin() + *offset, '\n');
    return {"", record.file.string() + ":" + std::to_string(line) + ": " + what};
  }
  if (at_beginning && record.content.starts_with(kByteOrderMark)) record.content.erase(0, kByteOrderMark.size());
  if (is_text) {
    if (record.content.empty() && record.begins && record.ends) return problem("the file is empty");
    return {std::move(record.content), ""};
  }
  DocumentText document = parse_json_line(record.content, text_key);
  if (!document.problem.empty()) return problem(document.problem);
  if (document.text.empty()) return problem("\"" + text_key + "\" is empty");
  return document;
}

RecordReader::RecordReader(const SourceSplit& split, FirstPiece first_piece)
    : split_(split), first_piece_(std::move(first_piece)) {}
RecordReader::~RecordReader() = default;

bool RecordReader::next(Record& record) {
  while (file_ < split_.files.size()) {
    const SourceFile& file = split_.files[file_];
    record = {};
    record.kind = file.kind;
    record.file = file.path;
    if (file.kind == SourceFile::Kind::text) {
      next_piece(record);
      return true;
    }
    if (!lines_) lines_ = std::make_unique<LineReader>(file.path);
    if (next_line(record)) return true;
    const bool empty = records_of_file_ == 0;
    close_file();
    if (empty) {
      record.problem = "the file is empty";
      return true;
    }
  }
  return false;
}

bool RecordReader::read_text(std::string& problem) {
  const SourceFile& file = split_.files[file_];
  const size_t size = pending_.size();
  size_t more = kPieceBlock;
  if (file.end) more = std::min(more, static_cast<size_t>(*file.end - file.begin - text_read_));
  pending_.resize(size + more);
  const size_t count = more == 0 ? 0 : text_->read(pending_.data() + size, more, problem);
  pending_.resize(size + count);
  text_read_ += static_cast<int64_t>(count);
  if (count == 0 && more > 0 && file.end && problem.empty()) {
    throw UserError("cannot read " + file.path.string() + ": it has become shorter while it was read");
  }
  return count > 0;
}

void RecordReader::next_piece(Record& record) {
  const SourceFile& file = split_.files[file_];
  if (!text_) {
    text_ = std::make_unique<ByteReader>(file.path);
    text_->skip(file.begin);
    offset_ = file.begin;
    line_ = file.begin == 0 ? 1 : 0;
  }
  record.begins = begins_;
  record.in_a_word = in_a_word_;
  record.offset = offset_;
  record.line = line_;
  bool more = true;
  size_t size = first_piece_(pending_, false);
  while (size == 0 && more) {
    // As much again: where a text cannot be cut for long, its beginning is not searched for every block.
    const size_t enough = 2 * pending_.size();
    do more = read_text(record.problem);
    while (more && pending_.size() < enough);
    size = first_piece_(pending_, !more);
  }
  record.content = pending_.substr(0, size);
  pending_.erase(0, size);
  record.ends = !more && pending_.empty();
  if (record.ends) return close_file();
  if (line_ > 0) line_ += std::count(record.content.begin(), record.content.end(), '\n');
  offset_ += static_cast<int64_t>(size);
  begins_ = false;
  in_a_word_ = !is_space(record.content.back());
}

bool RecordReader::next_line(Record& record) {
  const SourceFile& file = split_.files[file_];
  while (lines_->next(record.content, record.problem)) {
    if (record.problem.empty() && is_blank(record.content)) continue;
    const int64_t share = records_of_file_++ % file.shares;
    if (share < file.first_share || share >= file.end_share) continue;
    record.line = lines_->line_number();
    return true;
  }
  return false;
}

void RecordReader::close_file() {
  bytes_of_files_ += split_.files[file_].bytes;
  ++file_;
  lines_.reset();
  records_of_file_ = 0;
  text_.reset();
  pending_.clear();
  text_read_ = 0;
  begins_ = true;
  in_a_word_ = false;
}

void RecordReader::skip(int64_t count) {
  Record record;
  for (; count > 0; --count) {
    if (file_ < split_.files.size() && split_.files[file_].kind == SourceFile::Kind::text) {
      close_file();
    } else if (!next(record)) {
      return;
    }
  }
}

int64_t RecordReader::bytes_read() const {
  if (text_) return bytes_of_files_ + (split_.files[file_].end ? text_read_ : text_->bytes_read());
  return bytes_of_files_ + (lines_ ? lines_->bytes_read() : 0);
}

}  // namespace infini
