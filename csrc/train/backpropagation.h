#pragma once

#include <torch/torch.h>

#include <optional>

#include "model/attention_observer.h"
#include "model/causal_language_model.h"
#include "objective/answer_reading.h"
#include "objective/training_batch.h"
#include "train/state_store.h"

namespace infini {

struct BackpropagationOptions {
  int64_t segments_per_chunk = 1;  ///< 1 is the paper's segment after segment; more is parallel over segments
  BorderStates border_states = BorderStates::device;
  /// Looks on while the last chunk is read, where the memory holds most. Null: nobody does.
  AttentionObserver* observer = nullptr;
};

struct BackpropagationResult {
  torch::Tensor loss;                    ///< of the targets: a scalar on the model's device, without a graph
  ContextState state;                    ///< after the sequence, without a graph
  std::optional<AnswerReading> answers;  ///< where the batch has answers
};

/// Segment-wise backpropagation through memory over one batch of sequences, any number of segments long: adds to the
/// parameters' gradients those of Σ loss(chunk) / target_count, each target's loss times its weight, and of the
/// auxiliary losses that the memory has.
///
/// A first pass without a graph keeps only the states at the chunk borders. Then the chunks are taken from the last to
/// the first: each is computed with a graph, its backward pass receives the gradient of its outgoing state, and the
/// gradient of its incoming state is handed to the chunk before. The last chunk is computed once only, so one chunk
/// alone costs no extra pass. Memory: one chunk's activations, plus one state for each border.
///
/// `batch` and `state` are on the model's device; batch.starts may be undefined where the model has no segments.
/// `target_count` is the count of targets in the whole step (a batch's own, or the sum over accumulated batches).
/// Reads no value from the device.
BackpropagationResult backpropagate(CausalLanguageModel& model, const TrainingBatch& batch, const ContextState& state,
                            int64_t target_count, const BackpropagationOptions& options);

}  // namespace infini
