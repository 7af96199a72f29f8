#pragma once

#include <torch/torch.h>

#include <optional>

#include "model/attention_observer.h"
#include "model/causal_language_model.h"
#include "objective/answer_reading.h"
#include "objective/training_batch.h"
#include "train/state_store.h"
#include "train/train_config.h"

namespace infini {

struct BackpropagationOptions {
  int64_t segments_per_chunk = 1;  ///< 1: segment after segment, as in the paper; more: in parallel over segments
  BorderStates border_states = BorderStates::device;
  /// Watches the last chunk, where the memory holds most. May be null.
  AttentionObserver* observer = nullptr;
};

/// What a configuration says of it; nobody looks on.
BackpropagationOptions backpropagation_options(const TrainConfig& config);

struct BackpropagationResult {
  torch::Tensor loss;  ///< of the targets: a scalar on the model's device, without a graph
  /// The model's own loss, also divided by target_count; undefined if it has none.
  torch::Tensor auxiliary_loss;
  ContextState state;                    ///< after the sequence, without a graph
  std::optional<AnswerReading> answers;  ///< if the batch has answers
};

/// Backpropagation through the memory, for one batch of sequences with any number of segments. Adds the gradient of Σ
/// loss(chunk) / target_count to the gradients of the parameters. The loss of a chunk is the sum of weight · loss over
/// its targets, plus the auxiliary loss of its memory.
///
/// The first pass records no graph and keeps only the states at the chunk borders. The second pass takes the chunks
/// from the last to the first and computes each one again, with a graph. Its backward pass receives the gradient of the
/// outgoing state and hands the gradient of the incoming state to the chunk before. The last chunk is computed only
/// once, so a sequence of one chunk costs no extra pass. Memory: the activations of one chunk, plus one state per
/// border. A state through which no gradient passes needs neither the first pass nor the borders: the chunks are then
/// taken from the first to the last.
///
/// `batch` and `state` are on the model's device. batch.starts may be undefined if the model has no segments.
/// `target_count` is the number of targets in the whole step: summed over all batches if several are accumulated. Never
/// waits for the device.
BackpropagationResult backpropagate(CausalLanguageModel& model, const TrainingBatch& batch, const ContextState& state,
                                    int64_t target_count, const BackpropagationOptions& options);

}  // namespace infini
