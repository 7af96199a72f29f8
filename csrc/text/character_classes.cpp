#include "text/character_classes.h"

#include <unicode/uchar.h>

#include <algorithm>

namespace infini {
namespace {

constexpr char32_t kCharacters = 0x110000;
constexpr int kNewestMajor = 16;

uint16_t classes_of(UCharCategory category) {
  switch (category) {
    case U_UPPERCASE_LETTER:
      return kUppercaseLetter | kWord;
    case U_LOWERCASE_LETTER:
      return kLowercaseLetter | kWord;
    case U_TITLECASE_LETTER:
      return kTitlecaseLetter | kWord;
    case U_MODIFIER_LETTER:
      return kModifierLetter | kWord;
    case U_OTHER_LETTER:
      return kOtherLetter | kWord;
    case U_NON_SPACING_MARK:
    case U_ENCLOSING_MARK:
    case U_COMBINING_SPACING_MARK:
      return kMark | kWord;
    case U_DECIMAL_DIGIT_NUMBER:
      return kDecimalNumber | kWord;
    case U_LETTER_NUMBER:
      return kOtherNumber | kWord;
    case U_OTHER_NUMBER:
      return kOtherNumber;
    case U_CONNECTOR_PUNCTUATION:
      return kPunctuation | kWord;
    case U_DASH_PUNCTUATION:
    case U_START_PUNCTUATION:
    case U_END_PUNCTUATION:
    case U_INITIAL_PUNCTUATION:
    case U_FINAL_PUNCTUATION:
    case U_OTHER_PUNCTUATION:
      return kPunctuation;
    case U_MATH_SYMBOL:
    case U_CURRENCY_SYMBOL:
    case U_MODIFIER_SYMBOL:
    case U_OTHER_SYMBOL:
      return kSymbol;
    default:
      return 0;
  }
}

/// The same of the two letters that Unicode's tables have: "Lo".
uint16_t classes_of(const char* category) {
  switch (category[0]) {
    case 'L':
      switch (category[1]) {
        case 'u':
          return kUppercaseLetter | kWord;
        case 'l':
          return kLowercaseLetter | kWord;
        case 't':
          return kTitlecaseLetter | kWord;
        case 'm':
          return kModifierLetter | kWord;
        default:
          return kOtherLetter | kWord;
      }
    case 'M':
      return kMark | kWord;
    case 'N':
      return category[1] == 'd' ? kDecimalNumber | kWord : kOtherNumber | (category[1] == 'l' ? kWord : 0);
    case 'P':
      return kPunctuation | (category[1] == 'c' ? kWord : 0);
    case 'S':
      return kSymbol;
    default:
      return 0;
  }
}

UBool add_range(const void* context, UChar32 first, UChar32 limit, UCharCategory category) {
  auto& classes = **static_cast<std::vector<uint16_t>* const*>(context);
  std::fill(classes.begin() + first, classes.begin() + limit, classes_of(category));
  return true;
}

void remove_newer(std::vector<uint16_t>& classes) {
  UVersionInfo version;
  u_getUnicodeVersion(version);
  if (version[0] <= kNewestMajor) return;
  for (char32_t character = 0; character < kCharacters; ++character) {
    u_charAge(static_cast<UChar32>(character), version);
    if (version[0] > kNewestMajor) classes[character] = 0;
  }
}

}  // namespace

CharacterClasses::CharacterClasses() : classes_(kCharacters) {
  std::vector<uint16_t>* const classes = &classes_;
  u_enumCharTypes(add_range, &classes);
  remove_newer(classes_);
  for (const NewCharacters& range : new_characters()) {
    std::fill(classes_.begin() + range.first, classes_.begin() + range.last + 1, classes_of(range.category));
  }
  for (char32_t character = 0; character < kCharacters; ++character) {
    const auto code = static_cast<UChar32>(character);
    if (u_hasBinaryProperty(code, UCHAR_WHITE_SPACE)) classes_[character] |= kWhiteSpace;
    const bool alphabetic_symbol = is(character, kSymbol) && u_hasBinaryProperty(code, UCHAR_ALPHABETIC);
    if (alphabetic_symbol || u_hasBinaryProperty(code, UCHAR_JOIN_CONTROL)) classes_[character] |= kWord;
  }
}

const CharacterClasses& CharacterClasses::table() {
  static const CharacterClasses classes;
  return classes;
}

}  // namespace infini
