#pragma once

#include <random>
#include <string>

#include "text/utf8.h"

namespace infini::testing {

/// Valid text of all planes: letters, marks, numbers, spaces and line ends of every kind, English endings, emoji.
inline std::string mixed_unicode(int characters, uint64_t seed) {
  static const char* const parts[] = {
      "'s",     "'S",     "'\u017F", "'ll",     "'RE",    "don't",  "Hello",  " world", "HTTPServer",
      "12345",  "  ",     "\n",      "\r\n",    "\t",     " \n ",   "!?",     " (",     "/",
      "\u00A0", "\u3000", "\u0085",  "e\u0301", "\u01C5", "\u02B0", "\u2160", "\u00B2", "\U0001F469\u200D\U0001F680",
      "\uFE0F"};
  static const std::pair<char32_t, char32_t> ranges[] = {
      {0x20, 0x7E},     {0xA0, 0x24F},    {0x300, 0x36F},     {0x370, 0x1FFF},    {0x2000, 0x2FFF},
      {0x3000, 0xD7FF}, {0xE000, 0xFFFF}, {0x10000, 0x1FFFF}, {0x20000, 0x323AF}, {0xE0000, 0x10FFFF}};
  std::mt19937_64 generator(seed);
  std::string text;
  for (int i = 0; i < characters; ++i) {
    if (generator() % 2 == 0) {
      text += parts[generator() % std::size(parts)];
    } else {
      const auto [first, last] = ranges[generator() % std::size(ranges)];
      text += encode_character(first + static_cast<char32_t>(generator() % (last - first + 1)));
    }
  }
  return text;
}

}  // namespace infini::testing
