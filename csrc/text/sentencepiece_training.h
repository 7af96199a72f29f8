#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace infini {

/// Fills `text` with the next document; false where there is none.
using NextText = std::function<bool(std::string& text)>;

/// Trains a unigram sentencepiece model and returns its file's content. The tokenizer loses nothing: no normalisation,
/// white space kept, bytes for rare characters (and for line ends, since it is trained on lines).
/// Long corpora are sampled: 500,000 lines of at most 512 bytes (longer ones are cut into several), uniformly over all
/// texts, so memory is bounded. The same texts, vocab_size and seed give the same model.
/// Throws UserError if the texts are too few or too varied for `vocab_size`, with a size that does work, if any does.
std::string train_sentencepiece(const NextText& next, int64_t vocab_size, uint64_t seed);

}  // namespace infini
