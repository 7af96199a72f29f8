#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace infini {

/// Turns tokens into text one by one, in whole UTF-8 characters. A character may need up to four tokens. The text of a
/// token may depend on the token before it (spaces in sentencepiece). Bytes that are not UTF-8 become U+FFFD.
class TextStream {
 public:
  /// `context`: the tokens just before the text, which are the last tokens of the prompt.
  TextStream(const Tokenizer& tokenizer, std::vector<int32_t> context);

  /// Returns the characters that this token completes, possibly none.
  std::string push(int32_t token);
  /// Call at the end: returns U+FFFD if the last character was not completed.
  std::string finish();

 private:
  std::string decode_pending();

  const Tokenizer& tokenizer_;
  std::vector<int32_t> context_, pending_;
  std::string bytes_;  ///< the first bytes of an incomplete character
};

}  // namespace infini
