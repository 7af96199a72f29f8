#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.h"

namespace infini {

/// A row of the paper's Table 1: how much a model with one kind of memory remembers, and how far back.
struct MemoryAccount {
  std::string_view kind;               ///< a name in memory_kinds()
  std::string_view memory_formula;     ///< "d_k·(d_v + 1)·H·l"
  int64_t memory_floats = 0;           ///< its value
  double ratio = 0;                    ///< the memorizing kind's floats over these
  std::string_view effective_formula;  ///< "N·S"
  int64_t effective_context = 0;       ///< its value, in tokens
  std::string sizes;                   ///< those that only this kind has: "p = 100 vectors"
  int64_t carried_floats = 0;          ///< in the ContextState of one row, after all segments, convolutions included
  std::string_view paper_memory;       ///< "1.6M", as the paper rounds it; empty for another model than the paper's
  std::string_view paper_ratio;        ///< "114x", likewise
};

/// What a model itself remembers.
struct OwnMemory {
  int64_t memory_floats = 0;   ///< by Table 1's formula
  int64_t carried_floats = 0;  ///< in the ContextState of one row, convolutions included
};

/// The model of the paper's Table 2: 12 layers, width 1024, 8 heads x 128, segments of 2048 tokens.
ModelConfig paper_model();
/// The length of its sequences: 16 segments.
constexpr int64_t kPaperLength = 32768;

/// Table 1: what a model with these layers, heads and segments remembers after `segments` segments, for each kind of
/// memory. H counts key/value heads. Sizes that the configuration lacks are those of with_kind. Its segment length must
/// not be 0.
std::vector<MemoryAccount> memory_accounts(const ModelConfig& config, int64_t segments);

/// No memory if the attention is only local; nothing if the model has no segments.
std::optional<OwnMemory> own_memory(const ModelConfig& config, int64_t segments);

/// This model with another kind of memory, or its own. Of that kind's sizes it keeps those that it has. The others are
/// the paper's: a cache as long as a segment; as many compressed slots, of two tokens each; 65,000 slots to look up for
/// a segment of 2048 tokens, in proportion for another, at 3/4 of the depth, with 32 neighbours; 100 vectors that are
/// handed on; 50 that accumulate. A kind that can have no short convolution has none.
ModelConfig with_kind(const ModelConfig& config, std::string_view kind);

}  // namespace infini
