#include "text/utf8.h"

#include <utf8.h>

#include <algorithm>

namespace infini {

std::optional<int64_t> invalid_utf8_offset(std::string_view text) {
  const auto found = utf8::find_invalid(text.begin(), text.end());
  if (found == text.end()) return std::nullopt;
  return found - text.begin();
}

bool is_space(char byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

int64_t count_words(std::string_view text) {
  int64_t words = 0;
  bool inside = false;
  for (const char c : text) {
    const bool space = is_space(c);
    words += !space && !inside;
    inside = !space;
  }
  return words;
}

int64_t character_border(std::string_view text, int64_t offset) {
  offset = std::clamp<int64_t>(offset, 0, static_cast<int64_t>(text.size()));
  // After the first byte of a character come at most three bytes of the form 10xxxxxx.
  const int64_t first = std::max<int64_t>(0, offset - 3);
  for (int64_t border = offset; border >= first; --border) {
    const bool inside = border < static_cast<int64_t>(text.size()) && (static_cast<uint8_t>(text[border]) >> 6) == 2;
    if (!inside) return border;
  }
  return offset;
}

}  // namespace infini
