#pragma once

#include <torch/torch.h>

#include <optional>

#include "data/batch.h"
#include "model/answer_reading.h"
#include "model/causal_language_model.h"

namespace infini {

/// Where the memory states at the chunk borders wait between the two passes.
enum class BorderStates { device, host };

struct ScheduleOptions {
  int64_t segments_per_chunk = 1;  ///< 1 is the paper's segment after segment; more is parallel over segments
  BorderStates border_states = BorderStates::device;
};

struct ScheduleResult {
  torch::Tensor loss;                    ///< scalar on the model's device, without a graph
  MemoryState state;                     ///< the memory after the sequence, without a graph
  int64_t last_chunk_begin = 0;          ///< first token of the last chunk
  MemoryState last_chunk_state;          ///< the memory that the last chunk began with, without a graph
  std::optional<AnswerReading> answers;  ///< where the batch has answers
};

/// Segment-wise backpropagation through memory over one batch of sequences, any number of segments long: adds to the
/// parameters' gradients those of Σ loss(chunk) / target_count, each target's loss times its weight.
///
/// A first pass without a graph keeps only the memory at the chunk borders. Then the chunks are taken from the last to
/// the first: each is computed with a graph, its backward pass receives the gradient of its outgoing memory, and the
/// gradient of its incoming memory is handed to the chunk before. The last chunk is computed once only, so one chunk
/// alone costs no extra pass. Memory: one chunk's activations, plus memory_size() floats a row and border.
///
/// `batch` and `state` are on the model's device; batch.starts may be undefined where the model has no segments.
/// `target_count` is the count of targets in the whole step (a batch's own, or the sum over accumulated batches).
/// Reads no value from the device.
ScheduleResult run_schedule(CausalLanguageModel& model, const Batch& batch, const MemoryState& state,
                            int64_t target_count, const ScheduleOptions& options);

}  // namespace infini
