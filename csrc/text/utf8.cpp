#include "text/utf8.h"

#include <utf8.h>

#include <algorithm>
#include <cstring>
#include <iterator>

namespace infini {
namespace {

constexpr uint64_t kHighBits = 0x8080808080808080;

/// The length in bytes of a character that begins with `first`; 0 if no character does.
size_t character_size(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first < 0xE0) return 2;
  if (first >= 0xE0 && first < 0xF0) return 3;
  if (first >= 0xF0 && first < 0xF5) return 4;
  return 0;
}

/// The limits of a character's second byte depend on the first byte. They exclude overlong forms, surrogates, and all
/// above U+10FFFF.
bool continues(unsigned char first, size_t index, unsigned char byte) {
  unsigned char low = 0x80, high = 0xBF;
  if (index == 1) {
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  }
  return byte >= low && byte <= high;
}

/// How many bytes at the beginning are ASCII, in steps of eight.
size_t ascii_bytes(std::string_view text) {
  size_t count = 0;
  for (uint64_t eight; count + sizeof eight <= text.size(); count += sizeof eight) {
    std::memcpy(&eight, text.data() + count, sizeof eight);
    if ((eight & kHighBits) != 0) break;
  }
  return count;
}

}  // namespace

LeadingCharacter leading_character(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const size_t size = character_size(byte(0));
  if (size == 0) return {LeadingCharacter::invalid, 1};
  size_t good = 1;
  while (good < size && good < text.size() && continues(byte(0), good, byte(good))) ++good;
  if (good == size) return {LeadingCharacter::whole, size};
  return {good == text.size() ? LeadingCharacter::cut_off : LeadingCharacter::invalid, good};
}

std::optional<int64_t> invalid_utf8_offset(std::string_view text) {
  for (size_t at = ascii_bytes(text); at < text.size(); at += ascii_bytes(text.substr(at))) {
    const LeadingCharacter character = leading_character(text.substr(at));
    if (character.kind != LeadingCharacter::whole) return static_cast<int64_t>(at);
    at += character.size;
  }
  return std::nullopt;
}

std::string with_replacement_characters(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const LeadingCharacter character = leading_character(text);
    result += character.kind == LeadingCharacter::whole ? text.substr(0, character.size) : kReplacementCharacter;
    text.remove_prefix(character.size);
  }
  return result;
}

std::string encode_character(char32_t character) {
  std::string bytes;
  utf8::unchecked::append(character, std::back_inserter(bytes));
  return bytes;
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
