#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "model/causal_language_model.h"

namespace infini {

/// Fills `out` with a document's next tokens and returns their number. Only the end of the document gives fewer.
using TokenReader = std::function<int64_t(std::span<int64_t> out)>;

/// Receives the negative log-likelihoods (nats) of consecutive tokens. `first` is the index of the first token in the
/// document, so it is 1 in the first call.
using LossReceiver = std::function<void(int64_t first, std::span<const double> losses)>;

struct ScoreOptions {
  /// false: every segment begins with an empty memory, so attention is local and has no gate. A convolution stays.
  bool memory = true;
  int64_t chunk_tokens = 8192;  ///< tokens per forward pass; rounded down to whole segments, at least one
  /// The model sees nothing before the last multiple of this many tokens, as in training with sequences of that length.
  /// 0: it sees the whole document. A model without segments reads a window at once.
  int64_t window_tokens = 0;
};

/// Scores each token of a document except the first, given all tokens before it. The document is read once, in chunks
/// of whole segments, and the memory is carried from chunk to chunk. So peak memory does not depend on the length. A
/// model without segments (segment_length 0) attends to all earlier tokens in the same window.
/// Throws UserError for a token outside the vocabulary.
void score_document(CausalLanguageModel& model, const TokenReader& read, const ScoreOptions& options,
                    const LossReceiver& receive);

}  // namespace infini
