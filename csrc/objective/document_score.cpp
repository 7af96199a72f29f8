#include "objective/document_score.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "log/error.h"

namespace infini {
namespace {

/// Appends up to `count` tokens. Returns true if the document still had that many.
bool append(const TokenReader& read, int64_t count, std::vector<int64_t>& tokens) {
  const size_t size = tokens.size();
  tokens.resize(size + count);
  const int64_t got = read(std::span(tokens).subspan(size));
  tokens.resize(size + got);
  return got == count;
}

void check_vocabulary(std::span<const int64_t> tokens, int64_t first, int64_t vocab_size) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] < 0 || tokens[i] >= vocab_size) {
      throw UserError("token " + std::to_string(first + static_cast<int64_t>(i)) + " of the document is " +
                      std::to_string(tokens[i]) + ", but the checkpoint's vocabulary has ids from 0 to " +
                      std::to_string(vocab_size - 1) + ": the data must be prepared with the checkpoint's tokenizer");
    }
  }
}

}  // namespace

void score_document(CausalLanguageModel& model, const TokenReader& read, const ScoreOptions& options,
                    const LossReceiver& receive) {
  torch::NoGradGuard no_gradient;
  const ModelConfig& config = model.config();
  const int64_t segment_length = config.memory.segment_length;
  const bool segmented = segment_length > 0;
  const int64_t window = options.window_tokens > 0 ? options.window_tokens : std::numeric_limits<int64_t>::max();
  const bool whole = !segmented && options.window_tokens == 0;
  const int64_t chunk = segmented ? std::max<int64_t>(1, options.chunk_tokens / segment_length) * segment_length
                        : whole   ? options.chunk_tokens
                                  : window;

  ContextState state = model.empty_state(1);
  std::vector<int64_t> tokens;  // the inputs of one forward pass, plus the target of the last input
  bool more = append(read, 1, tokens);
  for (int64_t first = 0; more;) {
    if (first % window == 0) state = model.empty_state(1);
    more = append(read, std::min(chunk, window - first % window), tokens);
    while (whole && more) more = append(read, chunk, tokens);
    const auto count = static_cast<int64_t>(tokens.size()) - 1;
    if (count == 0) break;
    check_vocabulary(tokens, first, config.vocab_size);

    const torch::Tensor row = torch::from_blob(tokens.data(), {1, count + 1}, torch::kInt64).to(model.device());
    ForwardResult result = model.forward(row.slice(1, 0, count), state, {.memory = options.memory});
    const torch::Tensor losses =
        model.token_losses(result.hidden, row.slice(1, 1)).to(torch::kCPU, torch::kFloat64).contiguous();
    // Without memory nothing of it is handed on, also not by a kind whose state would grow.
    state = options.memory ? std::move(result.state) : result.state.with_memory_of(model.empty_state(1));
    receive(first + 1, {losses.const_data_ptr<double>(), static_cast<size_t>(count)});

    first += count;
    tokens.front() = tokens.back();
    tokens.resize(1);
  }
}

}  // namespace infini
