#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace infini {

/// Turns tokens into text as they come, in whole UTF-8 characters: a character may take up to four tokens, and what a
/// token means may depend on the one before it (sentencepiece's spaces). Bytes that are no UTF-8 become U+FFFD.
class TextStream {
 public:
  /// `context` is what stands before the text: the last tokens of the prompt.
  TextStream(const Tokenizer& tokenizer, std::vector<int32_t> context);

  /// The characters that this token completes, possibly none.
  std::string push(int32_t token);
  /// What is left at the end: U+FFFD for a character that was never completed.
  std::string finish();

 private:
  std::string decode_pending();

  const Tokenizer& tokenizer_;
  std::vector<int32_t> context_, pending_;
  std::string bytes_;  ///< the beginning of a character
};

}  // namespace infini
