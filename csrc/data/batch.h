#pragma once

#include <torch/torch.h>

#include <cstdint>

namespace infini {

/// The input of one step: B streams of whole segments.
struct Batch {
  torch::Tensor tokens;   ///< [B, N] int64, N a multiple of the segment length; 0 in the padding
  torch::Tensor targets;  ///< [B, N] int64: the next token of the same document, −1 in the padding
  torch::Tensor starts;   ///< [B, N / segment_length] bool: the segment begins a document, or a new window of one
  int64_t target_count = 0;
  int64_t padding_count = 0;
};

}  // namespace infini
