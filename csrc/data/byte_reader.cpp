#include "data/byte_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "log/error.h"

namespace infini {
namespace {

constexpr size_t kFileBlock = size_t{1} << 20;
constexpr int kGzip = 16 + MAX_WBITS;  // a gzip header and no other

}  // namespace

ByteReader::ByteReader(const std::filesystem::path& file)
    : file_(file), input_(file, std::ios::binary), block_(kFileBlock) {
  if (!input_) throw UserError("cannot read " + file.string() + ": " + std::strerror(errno));
  const bool any = refill();
  compressed_ = stream_.avail_in >= 2 && block_[0] == '\x1f' && block_[1] == '\x8b';
  if (any && !compressed_ && file.extension() == ".gz") {
    throw UserError(file.string() + " is not gzip'd, as its name says; rename or compress it");
  }
  if (compressed_ && inflateInit2(&stream_, kGzip) != Z_OK) throw std::bad_alloc();
}

ByteReader::~ByteReader() {
  if (compressed_) inflateEnd(&stream_);
}

bool ByteReader::refill() {
  if (stream_.avail_in > 0) return true;
  errno = 0;
  input_.read(block_.data(), static_cast<std::streamsize>(block_.size()));
  if (input_.bad() || (errno != 0 && !input_.eof())) {
    throw UserError("cannot read " + file_.string() + ": " + std::strerror(errno));
  }
  stream_.next_in = reinterpret_cast<Bytef*>(block_.data());
  stream_.avail_in = static_cast<uInt>(input_.gcount());
  taken_ += stream_.avail_in;
  return stream_.avail_in > 0;
}

size_t ByteReader::inflate_some(char* bytes, size_t size, std::string& problem) {
  stream_.next_out = reinterpret_cast<Bytef*>(bytes);
  stream_.avail_out = static_cast<uInt>(size);
  while (stream_.avail_out > 0 && damage_.empty() && refill()) {
    if (!in_member_ && *stream_.next_in == 0) {  // as behind what tar or tape has written
      ++stream_.next_in;
      --stream_.avail_in;
      continue;
    }
    in_member_ = true;
    const uInt room_before = stream_.avail_out;
    const int code = inflate(&stream_, Z_NO_FLUSH);
    if (code == Z_STREAM_END) {
      in_member_ = false;
      inflateReset(&stream_);
    } else if (code != Z_OK) {
      stream_.avail_out = room_before;  // what the damage made may be anything
      damage_ = "the compressed data are damaged (" + std::string(stream_.msg == nullptr ? "zlib" : stream_.msg) + ")";
      break;
    }
  }
  const size_t count = size - stream_.avail_out;
  if (count > 0) return count;  // what is good comes first
  if (in_member_ && damage_.empty()) damage_ = "the compressed data end too early; the file is truncated";
  problem = damage_;
  return 0;
}

size_t ByteReader::read(char* bytes, size_t size, std::string& problem) {
  if (compressed_) return inflate_some(bytes, size, problem);
  if (!refill()) return 0;
  const size_t count = std::min<size_t>(size, stream_.avail_in);
  std::memcpy(bytes, stream_.next_in, count);
  stream_.next_in += count;
  stream_.avail_in -= static_cast<uInt>(count);
  return count;
}

}  // namespace infini
