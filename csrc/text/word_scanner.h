#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace infini {

/// A well-known pattern that splits a text into words, compiled by hand. Each piece begins where the last one ended:
/// the known patterns leave out nothing.
struct WordScanner {
  std::string_view name;     ///< "gpt2"
  std::string_view pattern;  ///< the regular expression, as it stands in tokenizer.json
  /// The size of the piece at the beginning of a text, which is valid UTF-8 and not empty.
  size_t (*piece)(std::string_view text);
};

/// The patterns of GPT-2, Llama 3, Qwen 2 and 3, o200k (GPT-4o, Llama 4) and Mistral's Tekken.
const std::vector<WordScanner>& word_scanners();

/// The scanner of a pattern, or null if it is not a known one.
const WordScanner* find_word_scanner(std::string_view pattern);

}  // namespace infini
