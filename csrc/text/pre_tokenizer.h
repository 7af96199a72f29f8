#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "text/regular_expression.h"
#include "text/word_scanner.h"

namespace infini {

/// Splits a text into the pieces that byte-pair encoding may not reach over: the `pre_tokenizer` of tokenizer.json.
/// Each stage is one of its types, and splits the pieces of the stage before.
class PreTokenizer {
 public:
  /// What becomes of the matches of a pattern.
  enum class Behavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };
  struct Split {
    std::variant<const WordScanner*, RegularExpression, std::string> pattern;  ///< the string is not empty
    Behavior behavior;
    bool invert;  ///< what lies between the matches counts as the matches
  };
  struct Digits {
    bool individual;  ///< each digit is a piece, or each run of them
  };
  struct ByteLevel {
    bool add_prefix_space;  ///< before a piece that does not begin with one
    bool use_regex;         ///< split by GPT-2's pattern
  };
  enum class PrependScheme { always, never, first };
  struct Metaspace {
    std::string replacement;  ///< one character, for spaces
    PrependScheme prepend;    ///< before which pieces the replacement is added, if they do not begin with it
    bool split;               ///< before each replacement
  };
  using Stage = std::variant<Split, Digits, ByteLevel, Metaspace>;
  using PieceSink = std::function<void(std::string_view piece)>;

  PreTokenizer() = default;
  explicit PreTokenizer(std::vector<Stage> stages) : stages_(std::move(stages)) {}

  /// Calls `sink` with each piece that is not empty. `text` is valid UTF-8; `first`: the whole text begins with it.
  void split(std::string_view text, bool first, const PieceSink& sink) const { run(0, text, first, sink); }
  /// Whether a text that is cut between a letter and a line end gives, in two parts, what it gives as a whole.
  bool can_be_cut() const;

 private:
  void run(size_t stage, std::string_view text, bool first, const PieceSink& sink) const;
  void run(size_t stage, const Split& split, std::string_view text, bool first, const PieceSink& sink) const;
  void run(size_t stage, const Digits& digits, std::string_view text, bool first, const PieceSink& sink) const;
  void run(size_t stage, const ByteLevel& byte_level, std::string_view text, bool first, const PieceSink& sink) const;
  void run(size_t stage, const Metaspace& metaspace, std::string_view text, bool first, const PieceSink& sink) const;

  struct Part {
    size_t begin, end;
    bool match;
  };
  static std::vector<Part> parts_of(const Split& split, std::string_view text);
  void run_parts(size_t stage, std::vector<Part> parts, Behavior behavior, std::string_view text, bool first,
                 const PieceSink& sink) const;
  void run_words(size_t stage, const WordScanner& scanner, std::string_view text, bool first,
                 const PieceSink& sink) const;

  std::vector<Stage> stages_;
};

}  // namespace infini
