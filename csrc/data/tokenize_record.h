#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/record_reader.h"
#include "text/tokenizer.h"

namespace infini {

/// What a record became: the tokens of a document or of a piece of one, or the problem for which it cannot be used.
struct TokenizedRecord {
  std::vector<int32_t> tokens;
  int64_t bytes = 0;  ///< of text
  int64_t words = 0;  ///< that begin here
  bool begins = true, ends = true;
  std::string place;    ///< "FILE" or "FILE:LINE"
  std::string problem;  ///< begins with the place
};
/// `text_key`: which value of a line of JSON is the text.
TokenizedRecord tokenize(const Tokenizer& tokenizer, Record record, const std::string& text_key);

/// The problem of a document whose text gives no token; empty where `tokens` are more than that.
std::string problem_without_tokens(const TokenizedRecord& last, int64_t tokens);

/// Cuts text files where the tokenizer can be used on each piece by itself.
FirstPiece pieces_for(const Tokenizer& tokenizer);

}  // namespace infini
