#pragma once

#include <torch/torch.h>

#include <vector>

#include "data/token_dataset.h"
#include "model/answer_reading.h"
#include "model/causal_language_model.h"
#include "objective/needle_task.h"

namespace infini {

/// Sum and count of negative log-likelihoods; the sum is a scalar on the model's device.
struct ValidationLoss {
  torch::Tensor sum;
  int64_t tokens = 0;
};

/// Streams documents from the beginning of a split through the memory, `chunk_length` tokens at a time and without a
/// graph, until `maximum_tokens` targets have been read. `chunk_length` is a multiple of the segment length; a model
/// without segments sees each chunk alone.
ValidationLoss validation_loss(CausalLanguageModel& model, const TokenDataset& split, int64_t chunk_length,
                               int64_t maximum_tokens);

struct TaskValidation {
  ValidationLoss loss;  ///< of all tokens
  std::vector<AnswerReading> answers;
};

/// Reads the first examples of `seed` in sequences of `segments` segments of `segment_length`, `rows` at a time, until
/// `maximum_tokens` have been read, at least one batch.
TaskValidation validate_task(CausalLanguageModel& model, const NeedleTask& task, uint64_t seed, int64_t rows,
                             int64_t segments, int64_t segment_length, int64_t segments_per_chunk,
                             int64_t maximum_tokens);

}  // namespace infini
