#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "model/causal_language_model.h"

namespace infini {

struct GenerateOptions {
  int64_t max_new_tokens = 256;
  double temperature = 0.8;  ///< 0: greedy
  double top_p = 0.95;
  uint64_t seed = 0;
  int64_t chunk_tokens = 8192;            ///< prompt tokens that are read at once
  std::vector<int32_t> stop_tokens = {};  ///< each one ends the text, and is not in the result
};

/// Continues `prompt` and returns the new tokens. The prompt begins with document_start and is not empty. `on_token`
/// gets each new token at once. The whole prompt is read through the memory, so peak memory does not depend on its
/// length. Throws UserError for an option out of range or a token outside the vocabulary.
std::vector<int32_t> generate(CausalLanguageModel& model, std::span<const int32_t> prompt,
                              const GenerateOptions& options, const std::function<void(int32_t)>& on_token = nullptr);

}  // namespace infini
