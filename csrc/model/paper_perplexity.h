#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "model/config.h"

namespace infini {

/// A row of the paper's Table 2.
struct PaperPerplexity {
  std::string_view model;
  std::optional<double> pg19, arxiv_math;
};

/// The paper's row for a model with this kind of memory and this update, trained on sequences of this length: 100,000
/// tokens or more are the paper's longer training. Nothing if the paper has none.
std::optional<PaperPerplexity> paper_perplexity(const ModelConfig& config, int64_t train_length);

}  // namespace infini
