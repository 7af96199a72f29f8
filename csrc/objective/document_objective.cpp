#include "objective/document_objective.h"

#include <algorithm>
#include <cmath>

#include "log/error.h"
#include "objective/document_score.h"

namespace infini {

DocumentObjective::DocumentObjective(const DocumentOptions& options)
    : options_(options), batches_(TokenDataset(options.data / "train"), options.batches) {
  if (options.validates) validation_.emplace(options.data / "validation");
}

std::optional<Metrics> DocumentObjective::validate(CausalLanguageModel& model, const StopRequest& stopped) const {
  const TokenDataset& split = validation_.value();
  const int64_t segment_length = options_.batches.segment_length;
  const ScoreOptions score{.chunk_tokens = options_.segments_per_chunk * segment_length,
                           .window_tokens = model.config().memory.segment_length > 0 ? 0 : segment_length};
  double nats = 0;
  int64_t tokens = 0;
  for (int64_t document = 0; document < split.documents() && tokens < options_.validation_tokens; ++document) {
    // A document has one token more than targets, since its first token is not scored.
    const int64_t end = std::min(split.length(document), options_.validation_tokens - tokens + 1);
    const TokenReader read = [&, position = int64_t{0}](std::span<int64_t> out) mutable {
      if (stopped()) return int64_t{0};
      const int64_t count = std::min(static_cast<int64_t>(out.size()), end - position);
      split.read(document, position, position + count, out.data());
      position += count;
      return count;
    };
    score_document(model, read, score, [&](int64_t /*first*/, std::span<const double> losses) {
      for (const double loss : losses) nats += loss;
      tokens += static_cast<int64_t>(losses.size());
    });
    if (stopped()) return std::nullopt;
  }
  if (tokens == 0) {
    throw UserError((options_.data / "validation").string() +
                    " holds no document of two tokens or more; prepare one, or set validation.every to 0");
  }
  const double loss = nats / static_cast<double>(tokens);
  return Metrics{{"loss", loss}, {"perplexity", std::exp(loss)}, {"tokens", tokens}};
}

}  // namespace infini
