#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "data/batch.h"

namespace infini {

/// A batch, plus the tensors of the objective. Tensors that the objective does not need are undefined.
struct TrainingBatch : Batch {
  TrainingBatch() = default;
  explicit TrainingBatch(Batch batch) : Batch(std::move(batch)) {}

  torch::Tensor weights;  ///< [B, N] float: factor on the loss of each target; undefined: 1
  torch::Tensor gain;     ///< [B, N / segment_length] float: factor on what each segment writes
  torch::Tensor answers;  ///< [B, K] int64: places in the row whose targets belong to the answer, −1 for none
  /// The length of each segment, where training lets them vary; empty: all have the model's.
  std::vector<int64_t> segment_lengths;
  /// Columns outside of [targets_begin, targets_end) have no target in any row, so no logits are computed there.
  int64_t targets_begin = 0, targets_end = std::numeric_limits<int64_t>::max();
};

/// Copies a batch to the device. To a GPU it goes through pinned memory, so nothing waits for the copy.
TrainingBatch to_device(const TrainingBatch& batch, torch::Device device);

}  // namespace infini
