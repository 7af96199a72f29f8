#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "text/regular_expression.h"

namespace infini {

/// Changes a text before it is split: the `normalizer` of tokenizer.json. Each step is one of its types.
class Normalizer {
 public:
  /// Unicode's normal forms, for characters of Unicode 9: PyPI's tokenizers does not know the later ones.
  enum class Form { nfc, nfd, nfkc, nfkd };
  struct Prepend {
    std::string text;  ///< before every text that is not empty
  };
  struct ReplaceText {
    std::string pattern, by;  ///< pattern is not empty
  };
  struct ReplaceMatches {
    RegularExpression pattern;
    std::string by;
  };
  struct Strip {
    bool left, right;  ///< white space
  };
  using Step = std::variant<Form, Prepend, ReplaceText, ReplaceMatches, Strip>;

  Normalizer() = default;
  explicit Normalizer(std::vector<Step> steps) : steps_(std::move(steps)) {}

  /// The changed text, which lies in `storage` if it differs. `text` is valid UTF-8.
  std::string_view apply(std::string_view text, std::string& storage) const;
  /// Whether a text that is cut between a letter and a line end gives, in two parts, what it gives as a whole.
  bool can_be_cut() const;

 private:
  std::vector<Step> steps_;
};

}  // namespace infini
