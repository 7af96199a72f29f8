#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "objective/document_score.h"

namespace infini {

/// One document to evaluate. Its first token is document_start, which is read but not scored.
struct EvaluationDocument {
  std::string name;            ///< for error messages: file and line, or split and number
  int64_t tokens = 0;          ///< including document_start
  int64_t bytes = 0;           ///< of the source text
  int64_t words = 0;           ///< of the source text
  std::optional<int32_t> unk;  ///< the token for text that the tokenizer cannot express
  TokenReader read;
};

/// Returns the next document, or nothing after the last one.
using DocumentStream = std::function<std::optional<EvaluationDocument>()>;

/// The loss of text tokens `from` to `to` (inclusive, counted from 0), over all documents.
struct PositionLoss {
  int64_t from = 0, to = 0;
  double nats = 0;
  int64_t tokens = 0;
};

/// What was read of one document. If the reading stopped inside it, words and bytes are in proportion to the tokens.
struct DocumentLoss {
  std::string name;
  double nats = 0;
  int64_t tokens = 0, words = 0, bytes = 0;
};

struct Perplexity {
  double nats = 0;
  int64_t tokens = 0, words = 0, bytes = 0, documents = 0;
  int64_t unknown_tokens = 0;  ///< part of `tokens`: text that the tokenizer cannot express, so per word and per byte
                               ///< the loss looks too good
  bool memory = true;          ///< the model has a memory, and it was on
  int64_t window = 0;          ///< tokens, as ScoreOptions has them
  double seconds = 0;
  std::vector<PositionLoss> positions;       ///< 0–255, 256–511, 512–1023, …
  std::vector<DocumentLoss> documents_read;  ///< in order; without those that have nothing to score

  double loss() const { return nats / static_cast<double>(tokens); }  ///< nats per token
  /// The standard error of loss() for documents like these, drawn at random. With document i's nats x_i and tokens t_i
  /// the loss is a ratio, R = Σx / Σt, and its error is √(n / (n − 1) · Σ(x_i − R·t_i)²) / Σt. Nothing for one
  /// document.
  std::optional<double> loss_standard_error() const;
  double token_perplexity() const;  ///< exp(nats / tokens)
  double word_perplexity() const;   ///< exp(nats / words)
  double bits_per_byte() const;     ///< nats / ln 2 / bytes
  double tokens_per_second() const { return static_cast<double>(tokens) / seconds; }
};

/// Consecutive tokens of a document with their losses.
struct ScoredTokens {
  int64_t first = 0;  ///< the index of the first of them in the document; 1 begins a document
  bool last = false;  ///< the document ends with them
  std::span<const int64_t> tokens;
  std::span<const double> nats;
};

struct PerplexityOptions {
  ScoreOptions score = {};
  int64_t max_tokens = 0;  ///< stop after this many (0: no limit); a document that is cut counts its words and bytes in
                           ///< proportion to its tokens
  std::function<void(const Perplexity&)> on_progress = nullptr;  ///< called after every forward pass
  std::function<void(const ScoredTokens&)> on_scored = nullptr;  ///< receives every scored token once, in order
};

/// Scores every text token of every document exactly once, including those in a partial last segment. Sums are in
/// double. Throws UserError if there is nothing to score, and a std::runtime_error that names the document if a loss is
/// not finite.
Perplexity measure_perplexity(CausalLanguageModel& model, const DocumentStream& next,
                              const PerplexityOptions& options = {});

}  // namespace infini
