#include "data/line_reader.h"

#include <cerrno>
#include <cstring>

#include "log/error.h"

namespace infini {
namespace {

constexpr size_t kBlock = size_t{1} << 20;
constexpr size_t kLongestLine = size_t{1} << 30;

}  // namespace

LineReader::LineReader(const std::filesystem::path& file)
    : file_(file), input_(gzopen(file.c_str(), "rb")), block_(kBlock) {
  if (input_ == nullptr) throw UserError("cannot read " + file.string() + ": " + std::strerror(errno));
  gzbuffer(input_, kBlock);
  // gzopen also reads plain files; one that is only called .gz is a mistake to be told.
  if (file.extension() == ".gz" && std::filesystem::file_size(file) > 0 && gzdirect(input_) == 1) {
    gzclose(input_);
    throw UserError(file.string() + " is not gzip'd, as its name says; rename or compress it");
  }
}

LineReader::~LineReader() { gzclose(input_); }

bool LineReader::refill(std::string& problem) {
  if (ended_) return false;
  const int count = gzread(input_, block_.data(), static_cast<unsigned>(block_.size()));
  int code = Z_OK;
  const char* const message = gzerror(input_, &code);
  // The last bytes of a truncated file come with Z_BUF_ERROR; only when there are no more is it the file's end.
  if (count < 0 || (count == 0 && code == Z_BUF_ERROR)) {
    if (code == Z_ERRNO) throw UserError("cannot read " + file_.string() + ": " + std::strerror(errno));
    problem = code == Z_BUF_ERROR ? "the compressed data end too early; the file is truncated"
                                  : "the compressed data are damaged (" + std::string(message) + ")";
    ended_ = true;
    return false;
  }
  begin_ = 0;
  end_ = static_cast<size_t>(count);
  ended_ = count == 0;
  return !ended_;
}

bool LineReader::next(std::string& line, std::string& problem) {
  line.clear();
  problem.clear();
  bool any = false, too_long = false, complete = false;
  while (!complete && (begin_ < end_ || refill(problem))) {
    any = true;
    const char* const from = block_.data() + begin_;
    const auto* const line_end = static_cast<const char*>(std::memchr(from, '\n', end_ - begin_));
    complete = line_end != nullptr;
    const size_t count = complete ? static_cast<size_t>(line_end - from) : end_ - begin_;
    begin_ += count + (complete ? 1 : 0);
    too_long = too_long || line.size() + count > kLongestLine;
    if (!too_long) line.append(from, count);
  }
  if (!any && problem.empty()) return false;
  ++line_number_;
  if (too_long && problem.empty()) problem = "the line is longer than 1 GiB";
  return true;
}

}  // namespace infini
