#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "model/causal_language_model.h"
#include "objective/needle_task.h"

namespace infini {

/// One cell of the grid of lengths and depths: so many examples of one length, with the evidence at one depth.
struct NeedleCell {
  int64_t length = 0;  ///< tokens
  double depth = 0;    ///< 0: at the start, 1: at the end
  int64_t trials = 0;
};

struct NeedleOutcome {
  int64_t exact = 0;    ///< examples whose answer was given without a mistake
  int64_t correct = 0;  ///< answer tokens that were the most probable ones
  int64_t answers = 0;  ///< answer tokens
  double seconds = 0;
  int64_t tokens = 0;  ///< of the inputs, those included that are passed over where there is no memory
  /// Mean over the answers' tokens and the trials, [layers][H]: the share of the evidence's tokens in what is read from
  /// the memory, Σ σ(q)·σ(k) over them / σ(q)·z. With the linear update that is their weight in A_mem; the delta rule
  /// takes out of the rest what it has seen before. Empty without a memory.
  std::vector<std::vector<double>> evidence_share;
};

struct NeedleReading {
  uint64_t seed = 0;
  bool memory = true;                                    ///< false: every segment is a start
  int64_t rows = 8;                                      ///< examples read side by side
  int64_t chunk_tokens = 2048;                           ///< of a forward pass, all rows together
  std::function<void(int64_t tokens)> on_progress = {};  ///< tokens read in this cell so far
};

/// Has the model read the cell's examples in chunks, with the memory carried from one to the next, and give each answer
/// token its most probable value given the right ones before (so an exact match is what greedy generation would give).
/// Peak memory does not depend on the length, but for a model without segments, which is given its input whole.
NeedleOutcome measure_needles(CausalLanguageModel& model, const NeedleTask& task, const NeedleCell& cell,
                              const NeedleReading& reading);

}  // namespace infini
