#include "text/byte_alphabet.h"

#include <array>
#include <unordered_map>

#include "text/utf8.h"

namespace infini {
namespace {

/// Printable bytes of Latin-1 are their own character. The others get U+0100 and what follows, in their order.
std::array<char32_t, 256> make_alphabet() {
  std::array<char32_t, 256> letters{};
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < letters.size(); ++byte) {
    const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    letters[byte] = printable ? byte : next++;
  }
  return letters;
}

const std::array<char32_t, 256>& alphabet() {
  static const std::array<char32_t, 256> letters = make_alphabet();
  return letters;
}

const std::unordered_map<char32_t, char>& reversed_alphabet() {
  static const std::unordered_map<char32_t, char> bytes = [] {
    std::unordered_map<char32_t, char> reversed;
    for (size_t byte = 0; byte < 256; ++byte) reversed[alphabet()[byte]] = static_cast<char>(byte);
    return reversed;
  }();
  return bytes;
}

}  // namespace

std::optional<std::string> bytes_of_letters(std::string_view token) {
  std::string bytes;
  for (const char *at = token.data(), *const end = at + token.size(); at != end;) {
    const auto found = reversed_alphabet().find(decode_character(at));
    if (found == reversed_alphabet().end()) return std::nullopt;
    bytes += found->second;
  }
  return bytes;
}

std::string letters_of_bytes(std::string_view bytes) {
  std::string letters;
  for (const char byte : bytes) letters += encode_character(alphabet()[static_cast<unsigned char>(byte)]);
  return letters;
}

std::optional<char> byte_named(std::string_view token) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
  };
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return std::nullopt;
  const int high = digit(token[3]), low = digit(token[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

}  // namespace infini
