#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "model/causal_language_model.h"
#include "objective/needle_task.h"

namespace infini {

/// One cell in the grid of lengths and depths: `trials` examples of one length, with the evidence at one depth.
struct NeedleCell {
  int64_t length = 0;  ///< tokens
  double depth = 0;    ///< 0: at the start, 1: at the end
  int64_t trials = 0;
};

struct NeedleOutcome {
  int64_t exact = 0;    ///< examples whose whole answer was right
  int64_t correct = 0;  ///< answer tokens that had the highest probability
  int64_t answers = 0;  ///< answer tokens
  double seconds = 0;
  int64_t tokens = 0;  ///< input tokens, including those that are skipped without a memory
  /// [layers][H]: the share of the evidence in what an answer token reads from the memory, averaged over answer tokens
  /// and trials. It is Σ σ(q)·σ(k) over the evidence's tokens, divided by σ(q)·z. With the linear update this is the
  /// weight of the evidence in A_mem. With the delta rule it is not, since that rule subtracts what the memory already
  /// holds. Empty without a memory.
  std::vector<std::vector<double>> evidence_share;
};

struct NeedleReading {
  uint64_t seed = 0;
  bool memory = true;                                    ///< false: every segment begins with an empty memory
  int64_t rows = 8;                                      ///< examples read side by side
  int64_t chunk_tokens = 2048;                           ///< in one forward pass, over all rows
  std::function<void(int64_t tokens)> on_progress = {};  ///< receives the tokens read in this cell so far
};

/// Reads the examples of a cell in chunks, and carries the memory from chunk to chunk. An answer token is right if it
/// has the highest probability, given the right tokens before it. So an exact match is an answer that greedy generation
/// would give. Peak memory does not depend on the length. The exception is a model without segments, which reads the
/// whole input at once.
NeedleOutcome measure_needles(CausalLanguageModel& model, const NeedleTask& task, const NeedleCell& cell,
                              const NeedleReading& reading);

}  // namespace infini
