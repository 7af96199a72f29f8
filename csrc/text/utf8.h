#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace infini {

/// U+FFFD, which stands for bytes that are not UTF-8.
inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

/// U+2581, which stands for a space in the tokens of many vocabularies.
inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

/// The offset of the first byte that does not begin a well-formed UTF-8 sequence, or nothing if the whole text is
/// valid. Overlong forms, surrogates and code points above U+10FFFF are not well-formed.
std::optional<int64_t> invalid_utf8_offset(std::string_view text);

/// What stands at the beginning of a text that may not be UTF-8.
struct LeadingCharacter {
  enum Kind {
    whole,    ///< a well-formed character of `size` bytes
    cut_off,  ///< the text ends inside a character, of which it has `size` bytes
    invalid,  ///< `size` bytes that together stand for one U+FFFD, as in Python's errors="replace"
  };
  Kind kind;
  size_t size;
};

/// `text` must not be empty.
LeadingCharacter leading_character(std::string_view text);

/// The text with U+FFFD instead of all bytes that are not UTF-8.
std::string with_replacement_characters(std::string_view text);

/// The character at `at`, which must be well-formed and whole; `at` then points behind it.
inline char32_t decode_character(const char*& at) {
  const auto byte = [&](int i) { return static_cast<char32_t>(static_cast<unsigned char>(at[i])); };
  const char32_t first = byte(0);
  if (first < 0x80) return ++at, first;
  if (first < 0xE0) return at += 2, (first & 0x1F) << 6 | (byte(-1) & 0x3F);
  if (first < 0xF0) return at += 3, (first & 0x0F) << 12 | (byte(-2) & 0x3F) << 6 | (byte(-1) & 0x3F);
  return at += 4, (first & 0x07) << 18 | (byte(-3) & 0x3F) << 12 | (byte(-2) & 0x3F) << 6 | (byte(-1) & 0x3F);
}

/// The character that ends just before `end`, likewise; `end` then points to it.
inline char32_t decode_character_before(const char*& end) {
  do --end;
  while ((static_cast<unsigned char>(*end) & 0xC0) == 0x80);
  const char* at = end;
  return decode_character(at);
}

/// The UTF-8 bytes of a code point.
std::string encode_character(char32_t character);

/// Whether a byte is ASCII white space.
bool is_space(char byte);

/// The number of words: runs of characters that are not ASCII white space.
int64_t count_words(std::string_view text);

/// The largest offset, at most `offset`, where a cut does not split a UTF-8 character.
int64_t character_border(std::string_view text, int64_t offset);

}  // namespace infini
