#include "text/oniguruma_syntax.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>
#include <vector>

#include "io/json_object.h"
#include "log/error.h"

namespace infini {
namespace {

// The inside of a character class. PCRE2 has U+180E as a space too, and its \w depends on its version.
constexpr std::string_view kSpaces =
    R"(\x09-\x0D\x20\x85\xA0\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
constexpr std::string_view kWordCharacters =
    R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\xB2\xB3\xB9\xBC-\xBE\x{24B6}-\x{24E9}\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189})";

/// General categories, and the scripts that patterns of tokenizers use.
constexpr std::array<std::string_view, 39> kProperties = {
    "L",  "Lu", "Ll", "Lt", "Lm", "Lo", "M",  "Mn", "Mc", "Me",  "N",        "Nd",       "Nl",
    "No", "P",  "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S",   "Sm",       "Sc",       "Sk",
    "So", "Z",  "Zs", "Zl", "Zp", "C",  "Cc", "Cf", "Co", "Han", "Hiragana", "Katakana", "Hangul"};

/// Letters that Oniguruma, ignoring case, also finds as one character (ß is ss, ﬁ is fi).
constexpr std::array<std::string_view, 5> kFoldedTogether = {"ss", "st", "ff", "fi", "fl"};

class Translation {
 public:
  explicit Translation(std::string_view pattern) : pattern_(pattern) {}

  std::string result() {
    while (at_ < pattern_.size()) {
      const char c = pattern_[at_];
      if (c == '\\') {
        escape(false);
      } else if (c == '[') {
        character_class();
      } else if (c == '(') {
        group();
      } else if (c == '{') {
        interval();
      } else {
        if (c == ')' && !ignores_case_.empty()) ignores_case_.pop_back();
        copy(1);
      }
    }
    return std::move(output_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw UserError("the pattern " + shown(std::string(pattern_)) + " uses " + what + ", which is not supported");
  }

  char peek(size_t ahead) const { return at_ + ahead < pattern_.size() ? pattern_[at_ + ahead] : '\0'; }
  void copy(size_t bytes) {
    if (!ignores_case_.empty() && ignores_case_.back()) check_case(pattern_.substr(at_, bytes));
    output_ += pattern_.substr(at_, bytes);
    at_ += bytes;
  }

  /// Oniguruma also ignores differences in number of letters, which PCRE2 does not.
  void check_case(std::string_view literal) {
    for (const char c : literal) {
      if (static_cast<unsigned char>(c) >= 0x80) refuse("a letter beyond ASCII in (?i:)");
      const std::array<char, 2> pair = {last_letter_, static_cast<char>(std::tolower(c))};
      if (std::ranges::find(kFoldedTogether, std::string_view(pair.data(), 2)) != kFoldedTogether.end()) {
        refuse("\"" + std::string(pair.data(), 2) + "\" in (?i:), which is also one character");
      }
      last_letter_ = pair[1];
    }
  }

  void escape(bool in_class) {
    const char c = peek(1);
    const auto write = [&](std::string_view inside, bool negative) {
      if (in_class && negative) refuse(std::string("\\") + c + " inside a character class");
      output_ += in_class ? std::string(inside) : (negative ? "[^" : "[") + std::string(inside) + "]";
      at_ += 2;
    };
    switch (c) {
      case 's':
        return write(kSpaces, false);
      case 'S':
        return write(kSpaces, true);
      case 'w':
        return write(kWordCharacters, false);
      case 'W':
        return write(kWordCharacters, true);
      case 'd':
      case 'D':
        output_ += c == 'd' ? "\\p{Nd}" : "\\P{Nd}";
        at_ += 2;
        return;
      case 'p':
      case 'P':
        return property();
      case 'v':
        output_ += "\\x0B";
        at_ += 2;
        return;
      case 'u':
        return code_point(4);
      case 'x':
        return peek(2) == '{' ? braced_code_point() : code_point(2);
      case 'r':
      case 'n':
      case 't':
      case 'f':
        return copy(2);
      default:
        // An escaped sign stands for itself.
        if (c == '\0' || std::isalnum(static_cast<unsigned char>(c)) != 0) refuse(std::string("\\") + c);
        copy(2);
    }
  }

  void property() {
    const size_t close = pattern_.find('}', at_);
    if (peek(2) != '{' || close == std::string_view::npos) refuse("\\p without {…}");
    const std::string_view name = pattern_.substr(at_ + 3, close - at_ - 3);
    if (std::ranges::find(kProperties, name) == kProperties.end()) refuse("\\p{" + std::string(name) + "}");
    // Without "sc:" PCRE2 also finds characters that several scripts use.
    const bool is_script = name.size() > 2;
    output_ += std::string("\\") + peek(1) + (is_script ? "{sc:" : "{") + std::string(name) + "}";
    at_ = close + 1;
  }

  void code_point(size_t digits) {
    const std::string_view hexadecimal = pattern_.substr(std::min(at_ + 2, pattern_.size()), digits);
    const auto is_digit = [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; };
    // \x80 and more would be a byte of a character in Oniguruma.
    if (hexadecimal.size() != digits || !std::ranges::all_of(hexadecimal, is_digit) ||
        (digits == 2 && hexadecimal[0] > '7')) {
      refuse(std::string(pattern_.substr(at_, 2 + digits)));
    }
    output_ += "\\x{" + std::string(hexadecimal) + "}";
    at_ += 2 + digits;
  }

  void braced_code_point() {
    const size_t close = pattern_.find('}', at_);
    if (close == std::string_view::npos) refuse("\\x{ without }");
    output_ += pattern_.substr(at_, close + 1 - at_);
    at_ = close + 1;
  }

  void character_class() {
    copy(1);
    if (peek(0) == '^') copy(1);
    if (peek(0) == ']') refuse("an empty character class");
    while (peek(0) != ']') {
      if (at_ >= pattern_.size()) refuse("[ without ]");
      if (peek(0) == '[') refuse("a character class inside another");
      if (peek(0) == '&' && peek(1) == '&') refuse("&& inside a character class");
      last_letter_ = '\0';
      if (peek(0) == '\\') {
        escape(true);
      } else {
        copy(1);
      }
    }
    last_letter_ = '\0';
    copy(1);
  }

  void group() {
    const std::string_view rest = pattern_.substr(at_);
    last_letter_ = '\0';
    const bool inherited = !ignores_case_.empty() && ignores_case_.back();
    for (const std::string_view start : {"(?i:", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>"}) {
      if (!rest.starts_with(start)) continue;
      ignores_case_.push_back(inherited || start == "(?i:");
      output_ += start;
      at_ += start.size();
      return;
    }
    if (rest.starts_with("(?") || rest.starts_with("(*")) refuse("a group (" + std::string(rest.substr(1, 2)));
    ignores_case_.push_back(inherited);
    output_ += '(';
    ++at_;
  }

  /// {n}, {n,} and {n,m}. Oniguruma takes {n,m}+ as a repetition of the repetition, and {n}? likewise.
  void interval() {
    const size_t close = pattern_.find('}', at_);
    if (close == std::string_view::npos || std::isdigit(static_cast<unsigned char>(peek(1))) == 0) {
      refuse("{ that begins no {n}, {n,} or {n,m}");
    }
    const std::string_view inside = pattern_.substr(at_ + 1, close - at_ - 1);
    const auto is_digit_or_comma = [](char c) { return c == ',' || std::isdigit(static_cast<unsigned char>(c)) != 0; };
    if (!std::ranges::all_of(inside, is_digit_or_comma) || std::ranges::count(inside, ',') > 1) {
      refuse("{" + std::string(inside) + "}");
    }
    copy(close + 1 - at_);
    if (peek(0) == '+' || (peek(0) == '?' && inside.find(',') == std::string_view::npos)) {
      refuse("{" + std::string(inside) + "}" + peek(0));
    }
  }

  std::string_view pattern_;
  size_t at_ = 0;
  std::string output_;
  std::vector<bool> ignores_case_;  ///< of each open group
  char last_letter_ = '\0';
};

}  // namespace

std::string pcre2_pattern(std::string_view pattern) { return Translation(pattern).result(); }

}  // namespace infini
