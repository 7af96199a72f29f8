#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace infini {

/// Fills `text` with the next document. Returns false if there is none.
using NextText = std::function<bool(std::string& text)>;

/// Trains a unigram sentencepiece model and returns the content of its file. The tokenizer loses nothing: it does not
/// normalise, it keeps white space, and it has byte tokens for rare characters (and for line ends, since it is trained
/// on lines).
/// From a long corpus it takes a uniform sample of 500,000 lines, so memory is bounded. A line has at most 512 bytes: a
/// longer line is cut into several. The same texts, vocab_size and seed give the same model.
/// Throws UserError if the texts are too few or too varied for `vocab_size`. The message names a size that works, if
/// there is one.
std::string train_sentencepiece(const NextText& next, int64_t vocab_size, uint64_t seed);

}  // namespace infini
