#include "eval/generate.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "eval/sampler.h"
#include "log/error.h"

namespace infini {
namespace {

void check_prompt(std::span<const int32_t> prompt, int64_t vocab_size) {
  if (prompt.empty()) throw UserError("the prompt has no tokens: generation needs at least the document_start");
  for (const int32_t token : prompt) {
    if (token < 0 || token >= vocab_size) {
      throw UserError("the prompt has token " + std::to_string(token) + ", but the checkpoint's vocabulary ends at " +
                      std::to_string(vocab_size - 1) + ": the tokenizer belongs to another model");
    }
  }
}

}  // namespace

std::vector<int32_t> generate(CausalLanguageModel& model, std::span<const int32_t> prompt,
                              const GenerateOptions& options, const std::function<void(int32_t)>& on_token) {
  torch::NoGradGuard no_gradient;
  check_prompt(prompt, model.config().vocab_size);
  Sampler sampler(options.temperature, options.top_p, options.seed);
  ContextState state = model.empty_state(1);
  torch::Tensor last;  // the hidden state of the newest token, [1, 1, hidden_size]
  const auto row_of = [&](std::span<const int32_t> tokens) {
    const std::vector<int64_t> ids(tokens.begin(), tokens.end());
    return torch::tensor(ids, torch::kInt64).unsqueeze(0).to(model.device());
  };
  const auto read = [&](std::span<const int32_t> tokens) {
    const torch::Tensor row = row_of(tokens);
    last = model.read(row, state).slice(1, row.size(1) - 1).clone();
  };

  // Only the state is needed from all segments before the last one. Segments that depend on
  // no earlier ones can be skipped.
  const auto segment = static_cast<size_t>(model.config().memory.segment_length);
  const auto chunk = static_cast<size_t>(std::max<int64_t>(1, options.chunk_tokens));
  const size_t whole = segment == 0 ? 0 : (prompt.size() - 1) / segment * segment;
  for (size_t begin = model.depends_on_earlier_segments() ? 0 : whole; begin < whole;) {
    const size_t count = std::min(std::max<size_t>(1, chunk / segment) * segment, whole - begin);
    state = model.memorize(row_of(prompt.subspan(begin, count)), state);
    begin += count;
  }
  for (size_t begin = whole; begin < prompt.size(); begin += chunk) {
    read(prompt.subspan(begin, std::min(chunk, prompt.size() - begin)));
  }
  std::vector<int32_t> text;
  while (static_cast<int64_t>(text.size()) < options.max_new_tokens) {
    if (!text.empty()) read({&text.back(), 1});
    const auto token = static_cast<int32_t>(sampler.sample(model.logits(last).flatten()));
    if (std::ranges::find(options.stop_tokens, token) != options.stop_tokens.end()) break;
    text.push_back(token);
    if (on_token) on_token(token);
  }
  return text;
}

}  // namespace infini
