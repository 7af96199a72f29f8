#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace infini {

/// Sets of characters, as bits. The names are those of Unicode's general categories.
enum CharacterClass : uint16_t {
  kUppercaseLetter = 1 << 0,  ///< Lu
  kLowercaseLetter = 1 << 1,  ///< Ll
  kTitlecaseLetter = 1 << 2,  ///< Lt
  kModifierLetter = 1 << 3,   ///< Lm
  kOtherLetter = 1 << 4,      ///< Lo
  kMark = 1 << 5,             ///< M
  kDecimalNumber = 1 << 6,    ///< Nd
  kOtherNumber = 1 << 7,      ///< Nl and No
  kPunctuation = 1 << 8,      ///< P
  kSymbol = 1 << 9,           ///< S
  kWhiteSpace = 1 << 10,      ///< White_Space
  kWord = 1 << 11,            ///< letters, marks, decimal and letter numbers, connectors: \w of Rust's regex crate
  kLetter = kUppercaseLetter | kLowercaseLetter | kTitlecaseLetter | kModifierLetter | kOtherLetter,
  kNumber = kDecimalNumber | kOtherNumber,
};

/// The classes of all characters in Unicode 16, the version of PyPI's tokenizers. The categories come from ICU. What
/// Unicode added later than the installed ICU knows stands in a table of our own; what it added after version 16 has no
/// class. So the ids of a text do not depend on the machine.
class CharacterClasses {
 public:
  /// The one table, made at the first call.
  static const CharacterClasses& table();

  /// All classes of a code point up to U+10FFFF.
  uint16_t operator[](char32_t character) const { return classes_[character]; }
  bool is(char32_t character, uint16_t classes) const { return (classes_[character] & classes) != 0; }

 private:
  CharacterClasses();
  std::vector<uint16_t> classes_;
};

/// A character that a Unicode version older than 16 may not know.
struct NewCharacters {
  char32_t first, last;
  const char* category;  ///< "Lo"
  int version;           ///< in which it was added, times ten: 151
};

/// The characters that Unicode 15.1 and 16 added, in order.
const std::vector<NewCharacters>& new_characters();

}  // namespace infini
