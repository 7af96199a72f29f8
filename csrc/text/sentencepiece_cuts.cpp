#include "text/sentencepiece_cuts.h"

#include <utf8.h>

#include "text/byte_alphabet.h"
#include "text/replaced.h"
#include "text/utf8.h"

namespace infini {
namespace {

constexpr char32_t kSpaceCharacter = 0x2581;
constexpr size_t kLongestCharacter = 4;

/// Everything that a normaliser is known to change: white space at both ends and in rows, letters with an accent of
/// their own, ligatures, wide forms, capital letters.
constexpr std::string_view kNormalisationProbe = " A\u030a \ufb01\u2460\uff21\u00c5\n\t  x  y \n ";

char32_t character(uint32_t code_point) { return code_point == ' ' ? kSpaceCharacter : char32_t{code_point}; }

uint64_t pair_of(char32_t first, char32_t second) { return uint64_t{first} << 32 | second; }

}  // namespace

std::string text_of_pieces(const std::vector<std::string>& pieces) {
  std::string text;
  for (const std::string& piece : pieces) {
    const auto byte = byte_named(piece);
    text += byte ? std::string(1, *byte) : piece;
  }
  return replaced(text, kSpaceMark, " ");
}

SentencepieceCuts::SentencepieceCuts(const sentencepiece::SentencePieceProcessor& processor) {
  std::vector<std::string> pieces;
  usable_ = processor.Encode({kNormalisationProbe.data(), kNormalisationProbe.size()}, &pieces).ok() &&
            text_of_pieces(pieces) == kNormalisationProbe;
  if (!usable_) return;
  for (int id = 0; id < processor.GetPieceSize(); ++id) {
    byte_fallback_ = byte_fallback_ || processor.IsByte(id);
    if (processor.IsByte(id) || processor.IsControl(id) || processor.IsUnknown(id)) continue;
    const std::string& piece = processor.IdToPiece(id);
    if (invalid_utf8_offset(piece)) continue;
    char32_t before = 0;
    int64_t count = 0;
    for (auto at = piece.begin(); at != piece.end(); ++count) {
      const char32_t now = character(utf8::unchecked::next(at));
      if (count > 0) inseparable_.insert(pair_of(before, now));
      before = now;
    }
    if (count == 1) known_.insert(before);
  }
}

size_t SentencepieceCuts::last_in(std::string_view text) const {
  if (!usable_ || text.size() <= kLongestCharacter) return 0;
  const auto start_at_or_before = [&](size_t offset) {
    return static_cast<size_t>(character_border(text, static_cast<int64_t>(offset)));
  };
  const auto character_at = [&](size_t offset) {
    const char* at = text.data() + offset;
    return character(utf8::unchecked::next(at));
  };
  // The end may cut a character in two: no character that could be is looked at.
  size_t border = start_at_or_before(text.size() - kLongestCharacter);
  char32_t after = character_at(border);
  while (border > 0) {
    const size_t previous = start_at_or_before(border - 1);
    const char32_t before = character_at(previous);
    // Without bytes to fall back to, unknown characters in a row become one token.
    const bool apart = byte_fallback_ || known_.contains(before) || known_.contains(after);
    if (apart && !inseparable_.contains(pair_of(before, after))) return border;
    border = previous;
    after = before;
  }
  return 0;
}

}  // namespace infini
