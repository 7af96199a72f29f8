#include "eval/perplexity.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string>

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

}  // namespace

double Perplexity::token_perplexity() const { return std::exp(loss()); }
double Perplexity::word_perplexity() const { return std::exp(nats / static_cast<double>(words)); }
double Perplexity::bits_per_byte() const { return nats / std::numbers::ln2 / static_cast<double>(bytes); }

Perplexity measure_perplexity(CausalLanguageModel& model, const DocumentStream& next,
                              const PerplexityOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  Perplexity result;
  result.memory = options.score.memory && model.has_memory();
  while (options.max_tokens == 0 || result.tokens < options.max_tokens) {
    const std::optional<EvaluationDocument> document = next();
    if (!document) break;
    const int64_t text_tokens = document->tokens - 1;
    int64_t left = document->tokens;
    if (options.max_tokens > 0) left = std::min(left, options.max_tokens - result.tokens + 1);
    const int64_t words_before = result.words, bytes_before = result.bytes;
    int64_t scored = 0;
    const TokenReader read = [&](std::span<int64_t> out) {
      const int64_t count = std::min<int64_t>(left, static_cast<int64_t>(out.size()));
      left -= count;
      const int64_t given = document->read(out.first(count));
      if (document->unk) result.unknown_tokens += std::count(out.begin(), out.begin() + given, *document->unk);
      return given;
    };
    score_document(model, read, options.score, [&](int64_t first, std::span<const double> losses) {
      for (size_t i = 0; i < losses.size(); ++i) {
        const int64_t position = first - 1 + static_cast<int64_t>(i);
        if (!std::isfinite(losses[i])) {
          throw std::runtime_error(document->name + ": the loss of text token " + std::to_string(position) + " is " +
                                   std::to_string(losses[i]) + "; the model's weights or activations are not finite");
        }
        result.nats += losses[i];
        add_position(result.positions, position, losses[i]);
      }
      scored += static_cast<int64_t>(losses.size());
      result.tokens += static_cast<int64_t>(losses.size());
      result.words = words_before + proportion(document->words, scored, text_tokens);
      result.bytes = bytes_before + proportion(document->bytes, scored, text_tokens);
      result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      if (options.on_progress) options.on_progress(result);
    });
    result.documents += scored > 0 ? 1 : 0;
  }
  if (result.tokens == 0) throw UserError("the data has no text to score: every document is empty");
  return result;
}

}  // namespace infini
