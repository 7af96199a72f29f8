#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "objective/filler.h"

namespace infini {

/// Tokens [begin, end) of a document.
struct TokenSpan {
  int64_t begin = 0;
  int64_t end = 0;
};

/// One document of a task, of any length: pieces of fixed tokens with filler between them, put together as it is read.
/// Its last tokens are the answer.
class Example {
 public:
  /// Fixed tokens, or as many tokens of the filler from `filler_begin` on.
  struct Part {
    std::vector<int32_t> tokens;
    int64_t filler_begin = 0;
    int64_t filler_length = 0;
    bool evidence = false;  ///< the answer follows from it
  };

  /// `answer_length` is the count of tokens at the end that are the answer.
  Example(std::vector<Part> parts, Filler filler, int64_t answer_length);

  int64_t length() const { return begins_.back(); }
  /// Fills `out` with tokens [begin, begin + out.size()), which lie inside the document.
  void read(int64_t begin, std::span<int64_t> out) const;
  TokenSpan answer() const { return {length() - answer_length_, length()}; }
  const std::vector<TokenSpan>& evidence() const { return evidence_; }

 private:
  std::vector<Part> parts_;
  std::vector<int64_t> begins_;  ///< of the parts; one more
  Filler filler_;
  int64_t answer_length_;
  std::vector<TokenSpan> evidence_;
};

}  // namespace infini
