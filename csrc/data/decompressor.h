#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace infini {

/// Makes plain bytes of compressed ones, piece by piece. A file may hold several compressed frames, one after the
/// other (gzip calls them members).
class Decompressor {
 public:
  virtual ~Decompressor() = default;
  /// Takes bytes from the front of `input` and fills the front of `output`; both spans keep what is left of them.
  /// `in_frame` becomes false at the end of a frame. Input is left as long as there is output to come. Returns what is
  /// wrong with the data; empty where nothing is.
  virtual std::string run(std::span<const char>& input, std::span<char>& output, bool& in_frame) = 0;
};

/// For a file that begins with these bytes: gzip or zstd; null where it is not compressed.
std::unique_ptr<Decompressor> make_decompressor(std::string_view first_bytes);

}  // namespace infini
