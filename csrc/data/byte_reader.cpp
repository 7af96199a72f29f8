#include "data/byte_reader.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "log/error.h"

namespace infini {
namespace {

constexpr size_t kFileBlock = size_t{1} << 20;

}  // namespace

ByteReader::ByteReader(const std::filesystem::path& file)
    : path_(file), file_(file, std::ios::binary), block_(kFileBlock) {
  if (!file_) throw UserError("cannot read " + file.string() + ": " + std::strerror(errno));
  const bool any = refill();
  decompressor_ = make_decompressor({input_.data(), input_.size()});
  std::string ending = file.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return std::tolower(c); });
  if (any && !decompressor_ && (ending == ".gz" || ending == ".zst")) {
    throw UserError(file.string() + " is not compressed with " + (ending == ".gz" ? "gzip" : "zstd") +
                    ", as its name says; rename or compress it");
  }
}

bool ByteReader::refill() {
  if (!input_.empty()) return true;
  errno = 0;
  file_.read(block_.data(), static_cast<std::streamsize>(block_.size()));
  if (file_.bad() || (errno != 0 && !file_.eof())) {
    throw UserError("cannot read " + path_.string() + ": " + std::strerror(errno));
  }
  input_ = {block_.data(), static_cast<size_t>(file_.gcount())};
  taken_ += file_.gcount();
  return !input_.empty();
}

size_t ByteReader::decompress(char* bytes, size_t size, std::string& problem) {
  std::span<char> output(bytes, size);
  while (!output.empty() && damage_.empty() && refill()) {
    if (!in_frame_ && input_.front() == '\0') {  // as behind what tar or tape has written
      input_ = input_.subspan(1);
      continue;
    }
    const std::string damage = decompressor_->run(input_, output, in_frame_);
    if (!damage.empty()) damage_ = "the compressed data are damaged (" + damage + ")";
  }
  const size_t count = size - output.size();
  if (count > 0) return count;  // what is good comes first
  if (in_frame_ && damage_.empty()) damage_ = "the compressed data end too early; the file is truncated";
  problem = damage_;
  return 0;
}

size_t ByteReader::read(char* bytes, size_t size, std::string& problem) {
  if (decompressor_) return decompress(bytes, size, problem);
  if (!refill()) return 0;
  const size_t count = std::min(size, input_.size());
  std::memcpy(bytes, input_.data(), count);
  input_ = input_.subspan(count);
  return count;
}

void ByteReader::skip(int64_t count) {
  if (!decompressor_) {
    const int64_t position = bytes_read() + count;
    file_.clear();
    file_.seekg(position);
    taken_ = position;
    input_ = {};
    return;
  }
  std::vector<char> passed(kFileBlock);
  std::string problem;
  while (count > 0) {
    const size_t read_now = read(passed.data(), std::min<size_t>(passed.size(), static_cast<size_t>(count)), problem);
    if (read_now == 0) return;
    count -= static_cast<int64_t>(read_now);
  }
}

}  // namespace infini
