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

/// One document of a task, of any length: fixed tokens with filler between them. It is put together while it is read.
/// Its last tokens are the answer.
class Example {
 public:
  /// Either fixed tokens, or the given number of filler tokens, beginning at `filler_begin`.
  struct Part {
    std::vector<int32_t> tokens;
    int64_t filler_begin = 0;
    int64_t filler_length = 0;
    bool evidence = false;  ///< needed for the answer
  };

  /// `answer_length`: the number of answer tokens at the end.
  Example(std::vector<Part> parts, Filler filler, int64_t answer_length);

  int64_t length() const { return begins_.back(); }
  /// Fills `out` with tokens [begin, begin + out.size()), which must lie inside the document.
  void read(int64_t begin, std::span<int64_t> out) const;
  TokenSpan answer() const { return {length() - answer_length_, length()}; }
  const std::vector<TokenSpan>& evidence() const { return evidence_; }

 private:
  std::vector<Part> parts_;
  std::vector<int64_t> begins_;  ///< of the parts; the last entry is the length
  Filler filler_;
  int64_t answer_length_;
  std::vector<TokenSpan> evidence_;
};

}  // namespace infini
