#include "data/tokenize_record.h"

#include <utility>

#include "text/encode_in_pieces.h"
#include "text/utf8.h"

namespace infini {

TokenizedRecord tokenize(const Tokenizer& tokenizer, Record record, const std::string& text_key) {
  TokenizedRecord result;
  result.begins = record.begins;
  result.ends = record.ends;
  result.place = record.place();
  const bool in_a_word = record.in_a_word;
  const DocumentText document = document_text(std::move(record), text_key);
  result.problem = document.problem;
  if (!result.problem.empty()) return result;
  result.tokens = encode_in_pieces(tokenizer, document.text);
  result.bytes = static_cast<int64_t>(document.text.size());
  result.words = count_words(document.text);
  // The piece before has counted this word.
  if (in_a_word && !document.text.empty() && !is_space(document.text.front())) --result.words;
  return result;
}

std::string problem_without_tokens(const TokenizedRecord& last, int64_t tokens) {
  return tokens > 0 ? "" : last.place + ": the text gives no token";
}

FirstPiece pieces_for(const Tokenizer& tokenizer) {
  return [&tokenizer](std::string_view text, bool is_whole) { return first_piece(tokenizer, text, is_whole); };
}

}  // namespace infini
