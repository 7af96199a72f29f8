#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace infini {

/// Turns tokens back into text: the `decoder` of tokenizer.json. Each step is one of its types.
class TokenDecoder {
 public:
  struct Replace {
    std::string pattern, by;  ///< pattern is not empty
  };
  struct ByteFallback {};  ///< "<0xC3>" is a byte; bytes that are no UTF-8 become U+FFFD each
  struct Fuse {};          ///< all tokens become one
  struct Strip {
    std::string character;  ///< of this one
    size_t start, stop;     ///< at most so many are taken away at each side of a token
  };
  struct Metaspace {
    std::string replacement;  ///< stands for a space
    bool prepended;           ///< those of the first token stand for nothing
  };
  using Step = std::variant<Replace, ByteFallback, Fuse, Strip, Metaspace>;

  TokenDecoder() = default;
  TokenDecoder(std::vector<Step> steps, std::string separator)
      : steps_(std::move(steps)), separator_(std::move(separator)) {}

  std::string decode(std::vector<std::string> tokens) const;

 private:
  std::vector<Step> steps_;
  std::string separator_;  ///< between the tokens that are left
};

}  // namespace infini
