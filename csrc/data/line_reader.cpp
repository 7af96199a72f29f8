#include "data/line_reader.h"

#include <cstring>

namespace infini {
namespace {

constexpr size_t kBlock = size_t{1} << 20;
constexpr size_t kLongestLine = size_t{1} << 30;

}  // namespace

LineReader::LineReader(const std::filesystem::path& file) : input_(file), block_(kBlock) {}

bool LineReader::refill(std::string& problem) {
  if (ended_) return false;
  begin_ = 0;
  end_ = input_.read(block_.data(), block_.size(), problem);
  ended_ = end_ == 0;
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
