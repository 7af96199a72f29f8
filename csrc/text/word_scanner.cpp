#include "text/word_scanner.h"

#include <algorithm>

#include "text/character_classes.h"
#include "text/utf8.h"

namespace infini {
namespace {

/// Reads on from a place in a text.
class Cursor {
 public:
  explicit Cursor(std::string_view text)
      : classes_(CharacterClasses::table()), begin_(text.data()), at_(begin_), end_(begin_ + text.size()) {}

  bool at_end() const { return at_ == end_; }
  size_t offset() const { return static_cast<size_t>(at_ - begin_); }
  const char* place() const { return at_; }
  void go_to(const char* place) { at_ = place; }

  bool sees(char byte) const { return at_ != end_ && *at_ == byte; }
  bool sees_line_end() const { return sees('\r') || sees('\n'); }
  /// Whether the next character is in one of the classes; false at the end.
  bool sees(uint16_t classes) const {
    if (at_ == end_) return false;
    const char* next = at_;
    return classes_.is(decode_character(next), classes);
  }
  /// Whether there is a next character, and it is in none of the classes.
  bool sees_none_of(uint16_t classes) const { return at_ != end_ && !sees(classes); }

  void step() { decode_character(at_); }
  void skip(uint16_t classes) {
    skip_while([&](uint16_t found) { return (found & classes) != 0; });
  }
  void skip_none_of(uint16_t classes) {
    skip_while([&](uint16_t found) { return (found & classes) == 0; });
  }
  void skip_bytes(std::string_view bytes) {
    while (at_ != end_ && bytes.find(*at_) != std::string_view::npos) ++at_;
  }
  /// At most `most` characters of the classes.
  void skip(uint16_t classes, int most) {
    for (; most > 0 && sees(classes); --most) step();
  }

  /// An English ending behind an apostrophe: 's 't 're 've 'm 'll 'd. With `any_case` as the regular expression's (?i:)
  /// has it, where the long s (U+017F) is an s too. Reads over it if it is there.
  bool skip_contraction(bool any_case) {
    if (!sees('\'')) return false;
    const auto letter = [&](size_t i) -> char {
      if (i >= static_cast<size_t>(end_ - at_)) return 0;
      return any_case && at_[i] >= 'A' && at_[i] <= 'Z' ? static_cast<char>(at_[i] - 'A' + 'a') : at_[i];
    };
    const char first = letter(1), second = letter(2);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return at_ += 2, true;
    const bool two =
        (first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l');
    const bool long_s = any_case && first == '\xC5' && second == '\xBF';
    if (two || long_s) at_ += 3;
    return two || long_s;
  }

 private:
  template <typename Belongs>
  void skip_while(Belongs belongs) {
    while (at_ != end_) {
      const char* next = at_;
      if (!belongs(classes_[decode_character(next)])) return;
      at_ = next;
    }
  }

  const CharacterClasses& classes_;
  const char *begin_, *at_, *end_;
};

constexpr uint16_t kSpaceLetterNumber = kWhiteSpace | kLetter | kNumber;

/// \s+(?!\S)|\s+ : white space, but for its last character if a word follows.
size_t scan_spaces(Cursor cursor) {
  const char* const begin = cursor.place();
  cursor.skip(kWhiteSpace);
  if (cursor.at_end()) return cursor.offset();
  const char* last = cursor.place();
  decode_character_before(last);
  if (last != begin) cursor.go_to(last);
  return cursor.offset();
}

/// \s*[\r\n]+|\s+(?!\S)|\s+ : white space up to its last line end, if it has any.
size_t scan_lines_and_spaces(Cursor cursor) {
  Cursor run = cursor;
  run.skip(kWhiteSpace);
  for (const char* at = run.place(); at != cursor.place(); --at) {
    if (at[-1] == '\n' || at[-1] == '\r') return cursor.go_to(at), cursor.offset();
  }
  return scan_spaces(cursor);
}

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
size_t scan_gpt2(std::string_view text) {
  Cursor cursor(text);
  if (cursor.skip_contraction(false)) return cursor.offset();
  Cursor word = cursor;
  if (word.sees(' ')) word.step();
  if (word.sees(kLetter)) return word.skip(kLetter), word.offset();
  if (word.sees(kNumber)) return word.skip(kNumber), word.offset();
  if (word.sees_none_of(kSpaceLetterNumber)) return word.skip_none_of(kSpaceLetterNumber), word.offset();
  return scan_spaces(cursor);
}

/// What Llama 3, Qwen and o200k have in common, after their words:
/// \p{N}{1,most}| ?[^\s\p{L}\p{N}]+[ends]*|\s*[\r\n]+|\s+(?!\S)|\s+
size_t scan_rest(Cursor cursor, int most_digits, std::string_view ends) {
  if (cursor.sees(kNumber)) return cursor.skip(kNumber, most_digits), cursor.offset();
  Cursor signs = cursor;
  if (signs.sees(' ')) signs.step();
  if (signs.sees_none_of(kSpaceLetterNumber)) {
    signs.skip_none_of(kSpaceLetterNumber);
    signs.skip_bytes(ends);
    return signs.offset();
  }
  return scan_lines_and_spaces(cursor);
}

/// [^\r\n\p{L}\p{N}]? at the beginning of a word. Reads over it if it is there.
bool skip_prefix(Cursor& cursor) {
  if (cursor.sees_line_end() || !cursor.sees_none_of(kLetter | kNumber)) return false;
  cursor.step();
  return true;
}

// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+| and the rest
template <int kMostDigits>
size_t scan_llama3(std::string_view text) {
  Cursor cursor(text);
  if (cursor.skip_contraction(true)) return cursor.offset();
  Cursor word = cursor;
  if (!word.sees(kLetter)) skip_prefix(word);
  if (word.sees(kLetter)) return word.skip(kLetter), word.offset();
  return scan_rest(cursor, kMostDigits, "\r\n");
}

constexpr uint16_t kCapital = kUppercaseLetter | kTitlecaseLetter | kModifierLetter | kOtherLetter | kMark;
constexpr uint16_t kSmall = kLowercaseLetter | kModifierLetter | kOtherLetter | kMark;

/// kCapital* kSmall+ : reads over it if it is there.
bool skip_capitalised(Cursor& cursor) {
  const char* const begin = cursor.place();
  cursor.skip(kCapital);
  if (cursor.sees(kSmall)) return cursor.skip(kSmall), true;
  // What is both a capital and a small letter may end the word.
  for (const char* end = cursor.place(); end != begin;) {
    const char* const after = end;
    if (CharacterClasses::table().is(decode_character_before(end), kSmall)) return cursor.go_to(after), true;
  }
  cursor.go_to(begin);
  return false;
}

/// kCapital+ kSmall* : likewise.
bool skip_capitals(Cursor& cursor) {
  if (!cursor.sees(kCapital)) return false;
  cursor.skip(kCapital);
  cursor.skip(kSmall);
  return true;
}

// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+ with an English ending or without,
// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]* likewise, and the rest
template <int kMostDigits, bool kEndings>
size_t scan_o200k(std::string_view text) {
  const Cursor cursor(text);
  Cursor behind_prefix = cursor;
  const bool has_prefix = skip_prefix(behind_prefix);
  for (const auto skip_word : {skip_capitalised, skip_capitals}) {
    // A mark can be a prefix or belong to the word: the prefix comes first.
    for (const Cursor& begin : {behind_prefix, cursor}) {
      Cursor word = begin;
      if (skip_word(word)) {
        if (kEndings) word.skip_contraction(true);
        return word.offset();
      }
      if (!has_prefix) break;
    }
  }
  return scan_rest(cursor, kMostDigits, "\r\n/");
}

}  // namespace

const std::vector<WordScanner>& word_scanners() {
  static const std::vector<WordScanner> scanners = {
      {"gpt2", R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", scan_gpt2},
      {"llama3",
       R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
       scan_llama3<3>},
      {"qwen2",
       R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
       scan_llama3<1>},
      {"o200k",
       R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
       scan_o200k<3, true>},
      {"tekken",
       R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
       scan_o200k<1, false>},
  };
  return scanners;
}

const WordScanner* find_word_scanner(std::string_view pattern) {
  const auto found = std::ranges::find(word_scanners(), pattern, &WordScanner::pattern);
  return found == word_scanners().end() ? nullptr : &*found;
}

}  // namespace infini
