#include "text/encode_in_pieces.h"

namespace infini {
namespace {

constexpr size_t kPiece = size_t{1} << 20;

}  // namespace

size_t first_piece(const Tokenizer& tokenizer, std::string_view text, bool is_whole) {
  for (size_t window = kPiece; window < text.size(); window *= 2) {
    if (const size_t cut = tokenizer.safe_cut(text.substr(0, window)); cut > 0) return cut;
  }
  return is_whole ? text.size() : 0;
}

std::vector<int32_t> encode_in_pieces(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<int32_t> ids;
  while (!text.empty()) {
    const size_t size = first_piece(tokenizer, text, true);
    const std::vector<int32_t> more = tokenizer.encode(text.substr(0, size));
    ids.insert(ids.end(), more.begin(), more.end());
    text.remove_prefix(size);
  }
  return ids;
}

}  // namespace infini
