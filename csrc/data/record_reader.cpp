#include "data/record_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "data/line_reader.h"
#include "text/utf8.h"

namespace infini {
namespace {

void read_text_file(const SourceFile& file, std::string& content) {
  std::ifstream input(file.path, std::ios::binary);
  if (!input) throw UserError("cannot read " + file.path.string() + ": " + std::strerror(errno));
  content.resize(static_cast<size_t>(file.end - file.begin));
  input.seekg(file.begin);
  input.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (input.gcount() != static_cast<std::streamsize>(content.size())) {
    throw UserError("cannot read " + file.path.string() + ": it has become shorter while it was read");
  }
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

std::string invalid_utf8(uint8_t byte, int64_t offset, const char* where) {
  char message[80];
  std::snprintf(message, sizeof message, "invalid UTF-8: 0x%02X is byte %lld of the %s", byte,
                static_cast<long long>(offset) + 1, where);
  return message;
}

/// nlohmann's message without its own number, its line (always 1) and what it read last, which may be megabytes.
std::string reason(const nlohmann::json::parse_error& error) {
  std::string message = error.what();
  if (const size_t colon = message.find(": "); colon != std::string::npos) message.erase(0, colon + 2);
  return message.substr(0, message.find("; last read"));
}

DocumentText parse_json_line(const std::string& line) {
  try {
    nlohmann::json json = nlohmann::json::parse(line);
    if (!json.is_object() || !json.contains("text")) return {"", "the JSON is no object with a \"text\""};
    nlohmann::json& text = json["text"];
    if (!text.is_string()) return {"", "\"text\" is no string but " + std::string(text.type_name())};
    return {std::move(text.get_ref<std::string&>()), ""};
  } catch (const nlohmann::json::parse_error& error) {
    return {"", "not valid JSON at byte " + std::to_string(error.byte) + " of the line: " + reason(error)};
  }
}

}  // namespace

DocumentText document_text(Record record) {
  int64_t line = record.line;
  const auto problem = [&](const std::string& what) {
    const std::string where = record.file.string() + (line > 0 ? ":" + std::to_string(line) : "");
    return DocumentText{"", where + ": " + what};
  };
  const bool is_text = record.kind == SourceFile::Kind::text;
  if (!record.problem.empty()) return problem(record.problem);
  if (const auto offset = invalid_utf8_offset(record.content)) {
    if (is_text && record.offset == 0) {
      line = 1 + std::count(record.content.begin(), record.content.begin() + *offset, '\n');
    }
    return problem(invalid_utf8(static_cast<uint8_t>(record.content[static_cast<size_t>(*offset)]),
                                record.offset + *offset, is_text ? "file" : "line"));
  }
  if (is_text) {
    if (record.content.empty()) return problem("the file is empty");
    return {std::move(record.content), ""};
  }
  DocumentText document = parse_json_line(record.content);
  if (!document.problem.empty()) return problem(document.problem);
  if (document.text.empty()) return problem("\"text\" is empty");
  return document;
}

RecordReader::RecordReader(const SourceSplit& split) : split_(split) {}
RecordReader::~RecordReader() = default;

bool RecordReader::next(Record& record) {
  while (file_ < split_.files.size()) {
    const SourceFile& file = split_.files[file_];
    record.file = file.path;
    record.kind = file.kind;
    record.line = 0;
    record.offset = file.begin;
    record.problem.clear();
    if (file.kind == SourceFile::Kind::text) {
      read_text_file(file, record.content);
      close_file();
      return true;
    }
    if (!lines_) lines_ = std::make_unique<LineReader>(file.path);
    if (next_line(record)) return true;
    const bool empty = records_of_file_ == 0;
    close_file();
    if (empty) {
      record.line = 0;
      record.problem = "the file is empty";
      return true;
    }
  }
  return false;
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
  bytes_of_files_ += split_.files[file_].end - split_.files[file_].begin;
  ++file_;
  lines_.reset();
  records_of_file_ = 0;
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

int64_t RecordReader::bytes_read() const { return bytes_of_files_ + (lines_ ? lines_->bytes_read() : 0); }

}  // namespace infini
