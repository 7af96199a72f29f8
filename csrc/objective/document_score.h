#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "model/causal_language_model.h"

namespace infini {

/// Fills `out` with a document's next tokens and returns how many; fewer than asked for only at the document's end.
using TokenReader = std::function<int64_t(std::span<int64_t> out)>;

/// Receives the negative log-likelihoods (nats) of consecutive tokens; `first` is the index of the first of them among
/// the document's tokens, so 1 in the first call.
using LossReceiver = std::function<void(int64_t first, std::span<const double> losses)>;

struct ScoreOptions {
  bool memory = true;           ///< false: every segment is a start, so attention is local and ungated
  int64_t chunk_tokens = 8192;  ///< tokens a forward pass; rounded down to whole segments, at least one
  int64_t window_tokens = 0;    ///< of a model without segments, which reads so many at once and each time nothing
                                ///< before them; 0: the document whole
};

/// Scores each token of a document but its first, given all before it. The document is read once, in chunks of whole
/// segments with the memory carried from one to the next, so peak memory does not depend on its length. A model without
/// segments (segment_length 0) attends to everything before a token in its window.
/// Throws UserError for a token outside the vocabulary.
void score_document(CausalLanguageModel& model, const TokenReader& read, const ScoreOptions& options,
                    const LossReceiver& receive);

}  // namespace infini
