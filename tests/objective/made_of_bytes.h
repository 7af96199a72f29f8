#pragma once

#include <memory>
#include <string>
#include <vector>

#include "objective/needle_task.h"
#include "text/tokenizer.h"

namespace infini::testing {

inline NeedleTask task_of_bytes(NeedleOptions options = {}) {
  return {options, std::shared_ptr<const Tokenizer>(make_byte_tokenizer())};
}

/// Tokens [begin, end) of an example.
inline std::vector<int64_t> tokens_of(const Example& example, int64_t begin, int64_t end) {
  std::vector<int64_t> tokens(static_cast<size_t>(end - begin));
  example.read(begin, tokens);
  return tokens;
}

/// The text of an example of bytes, without document_start.
inline std::string text_of(const Example& example, int64_t begin, int64_t end) {
  std::string text;
  for (const int64_t token : tokens_of(example, begin, end)) text += static_cast<char>(token);
  return text;
}
inline std::string text_of(const Example& example) { return text_of(example, 1, example.length()); }

}  // namespace infini::testing
