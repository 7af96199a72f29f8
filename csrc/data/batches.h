#pragma once

#include <nlohmann/json.hpp>
#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "data/token_dataset.h"

namespace infini {

/// One step's input: `rows` streams of whole segments.
struct Batch {
  torch::Tensor tokens;   ///< [B, N] int64, N a multiple of the segment length
  torch::Tensor targets;  ///< [B, N] int64: the next token of the same document, −1 where there is none (padding)
  torch::Tensor starts;   ///< [B, N / segment_length] bool: that segment begins a new document (or a new window of one)
  int64_t target_count = 0;
  int64_t padding_count = 0;
};

struct BatchOptions {
  int64_t rows = 1;                 ///< of this rank
  int64_t segment_length = 2048;
  int64_t segments_per_row = 16;    ///< train_length / segment_length
  bool whole_documents = false;     ///< a row reads each document to its end (carry_memory); otherwise documents are cut
                                    ///< into windows of segments_per_row segments and the windows are shuffled
  uint64_t seed = 0;
  int64_t rank = 0, ranks = 1;
};

/// Batches without end, epoch after epoch; each epoch's order depends only on seed and epoch. No token is lost, and no
/// target is dropped at a segment border.
class BatchStream {
 public:
  BatchStream(const TokenDataset& dataset, const BatchOptions& options);
  Batch next();
  /// Where the stream stands, enough to continue exactly; small.
  nlohmann::json position() const;
  /// Throws UserError if the position belongs to other data or options.
  void seek(const nlohmann::json& position);
  int64_t epoch() const;

 private:
  // (the author of this file completes it)
};

}  // namespace infini
