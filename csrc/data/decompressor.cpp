#include "data/decompressor.h"

#include <zlib.h>
#include <zstd.h>

#include <new>

namespace infini {
namespace {

constexpr int kGzip = 16 + MAX_WBITS;  // a gzip header and no other

class GzipDecompressor : public Decompressor {
 public:
  GzipDecompressor() {
    if (inflateInit2(&stream_, kGzip) != Z_OK) throw std::bad_alloc();
  }
  ~GzipDecompressor() override { inflateEnd(&stream_); }
  GzipDecompressor(const GzipDecompressor&) = delete;
  GzipDecompressor& operator=(const GzipDecompressor&) = delete;

  std::string run(std::span<const char>& input, std::span<char>& output, bool& in_frame) override {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    stream_.avail_in = static_cast<uInt>(input.size());
    stream_.next_out = reinterpret_cast<Bytef*>(output.data());
    stream_.avail_out = static_cast<uInt>(output.size());
    const int code = inflate(&stream_, Z_NO_FLUSH);
    // What damage made may be anything, so `output` stays empty then. Z_BUF_ERROR: more input is needed.
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
      return stream_.msg == nullptr ? "zlib" : stream_.msg;
    }
    input = input.last(stream_.avail_in);
    output = output.last(stream_.avail_out);
    in_frame = code != Z_STREAM_END;
    if (!in_frame) inflateReset(&stream_);
    return "";
  }

 private:
  z_stream stream_{};
};

class ZstdDecompressor : public Decompressor {
 public:
  ZstdDecompressor() : stream_(ZSTD_createDStream(), ZSTD_freeDStream) {
    if (!stream_) throw std::bad_alloc();
  }

  std::string run(std::span<const char>& input, std::span<char>& output, bool& in_frame) override {
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    ZSTD_outBuffer out{output.data(), output.size(), 0};
    const size_t code = ZSTD_decompressStream(stream_.get(), &out, &in);
    if (ZSTD_isError(code) != 0) return ZSTD_getErrorName(code);
    input = input.subspan(in.pos);
    output = output.subspan(out.pos);
    in_frame = code != 0;
    return "";
  }

 private:
  std::unique_ptr<ZSTD_DStream, size_t (*)(ZSTD_DStream*)> stream_;
};

}  // namespace

std::unique_ptr<Decompressor> make_decompressor(std::string_view first_bytes) {
  if (first_bytes.starts_with("\x1f\x8b")) return std::make_unique<GzipDecompressor>();
  if (first_bytes.starts_with("\x28\xb5\x2f\xfd")) return std::make_unique<ZstdDecompressor>();
  return nullptr;
}

}  // namespace infini
