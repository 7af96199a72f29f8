#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace infini {

/// A regular expression of tokenizer.json, in the syntax of Oniguruma, which PyPI's tokenizers uses. PCRE2 matches it,
/// with the meanings of Oniguruma and Unicode 16 (see oniguruma_syntax.h). May be used by several threads.
class RegularExpression {
 public:
  /// Throws UserError, without a file's name, if the pattern is no regular expression or uses a construct that PCRE2
  /// reads otherwise.
  explicit RegularExpression(std::string pattern);
  ~RegularExpression();
  RegularExpression(RegularExpression&&) noexcept;
  RegularExpression& operator=(RegularExpression&&) noexcept;

  /// Calls `found` with begin and end of each match in a text, which is valid UTF-8; an empty match right behind
  /// another match is left out. Throws UserError if a match takes too many steps: some patterns backtrack for ever.
  void for_each_match(std::string_view text, const std::function<void(size_t begin, size_t end)>& found) const;

 private:
  struct Compiled;
  std::string pattern_;
  std::unique_ptr<const Compiled> compiled_;
};

}  // namespace infini
