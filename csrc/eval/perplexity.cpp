#include "eval/perplexity.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string>
#include <utility>

#include "log/error.h"

namespace infini {
namespace {

constexpr int64_t kFirstBucket = 256;

/// 0 for positions 0–255, 1 for 256–511, 2 for 512–1023, …
size_t bucket_of(int64_t position) { return std::bit_width(static_cast<uint64_t>(position / kFirstBucket)); }

void add_position(std::vector<PositionLoss>& positions, int64_t position, double nats) {
  const size_t bucket = bucket_of(position);
  while (positions.size() <= bucket) {
    const int64_t from = positions.empty() ? 0 : positions.back().to + 1;
    positions.push_back({from, std::max(2 * from, kFirstBucket) - 1, 0.0, 0});
  }
  positions[bucket].nats += nats;
  positions[bucket].tokens += 1;
}

int64_t proportion(int64_t whole, int64_t part, int64_t of) {
  return part == of ? whole : std::llround(static_cast<double>(whole) * part / of);
}

/// Adds the losses of the document's tokens from `first` on, to the sum over all documents and to its own.
void add_losses(const EvaluationDocument& document, int64_t first, std::span<const double> losses, Perplexity& all,
                DocumentLoss& own) {
  for (size_t i = 0; i < losses.size(); ++i) {
    const int64_t position = first - 1 + static_cast<int64_t>(i);
    if (!std::isfinite(losses[i])) {
      throw std::runtime_error(document.name + ": the loss of text token " + std::to_string(position) + " is " +
                               std::to_string(losses[i]) + "; the model's weights or activations are not finite");
    }
    all.nats += losses[i];
    own.nats += losses[i];
    add_position(all.positions, position, losses[i]);
  }
  const DocumentLoss before = own;
  own.tokens += static_cast<int64_t>(losses.size());
  own.words = proportion(document.words, own.tokens, document.tokens - 1);
  own.bytes = proportion(document.bytes, own.tokens, document.tokens - 1);
  all.tokens += own.tokens - before.tokens;
  all.words += own.words - before.words;
  all.bytes += own.bytes - before.bytes;
}

}  // namespace

std::optional<double> Perplexity::loss_standard_error() const {
  const auto count = static_cast<double>(documents_read.size());
  if (documents_read.size() < 2) return std::nullopt;
  double squares = 0;
  for (const DocumentLoss& document : documents_read) {
    const double residual = document.nats - loss() * static_cast<double>(document.tokens);
    squares += residual * residual;
  }
  return std::sqrt(count / (count - 1) * squares) / static_cast<double>(tokens);
}

double Perplexity::token_perplexity() const { return std::exp(loss()); }
double Perplexity::word_perplexity() const { return std::exp(nats / static_cast<double>(words)); }
double Perplexity::bits_per_byte() const { return nats / std::numbers::ln2 / static_cast<double>(bytes); }

Perplexity measure_perplexity(CausalLanguageModel& model, const DocumentStream& next,
                              const PerplexityOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  Perplexity result;
  result.memory = options.score.memory && model.has_memory();
  result.window = options.score.window_tokens;
  while (options.max_tokens == 0 || result.tokens < options.max_tokens) {
    const std::optional<EvaluationDocument> document = next();
    if (!document) break;
    int64_t left = document->tokens;
    if (options.max_tokens > 0) left = std::min(left, options.max_tokens - result.tokens + 1);
    DocumentLoss of_document{.name = document->name};
    std::vector<int64_t> unscored;  // tokens that were read, from the next one to score on
    const TokenReader read = [&](std::span<int64_t> out) {
      const int64_t count = std::min<int64_t>(left, static_cast<int64_t>(out.size()));
      left -= count;
      const int64_t given = document->read(out.first(count));
      unscored.insert(unscored.end(), out.begin(), out.begin() + given);
      if (document->unk) result.unknown_tokens += std::count(out.begin(), out.begin() + given, *document->unk);
      return given;
    };
    score_document(model, read, options.score, [&](int64_t first, std::span<const double> losses) {
      add_losses(*document, first, losses, result, of_document);
      if (first == 1) unscored.erase(unscored.begin());  // document_start
      if (options.on_scored) {
        const bool last = of_document.tokens == document->tokens - 1;
        options.on_scored({first, last, std::span(unscored).first(losses.size()), losses});
      }
      unscored.erase(unscored.begin(), unscored.begin() + static_cast<int64_t>(losses.size()));
      result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      if (options.on_progress) options.on_progress(result);
    });
    if (of_document.tokens == 0) continue;
    ++result.documents;
    result.documents_read.push_back(std::move(of_document));
  }
  if (result.tokens == 0) throw UserError("the data has no text to score: every document is empty");
  return result;
}

}  // namespace infini
