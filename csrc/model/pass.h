#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <optional>

#include "model/rotary_embedding.h"

namespace infini {

class AttentionObserver;

/// How the N tokens of one pass are divided into segments.
struct Segments {
  int64_t length = 0;                        ///< L: N itself for plain causal attention
  std::optional<torch::Tensor> starts = {};  ///< [B, ceil(N/L)], as SegmentMarks has them
  std::optional<torch::Tensor> gain = {};    ///< likewise
};

/// What a pass does with its tokens.
enum class PassMode {
  segments,      ///< reads them from the beginning of a segment on; a last, partial segment is read and not written
  memorize,      ///< the same, for the state alone: the last layer only writes
  open_segment,  ///< goes on in the open segment, and keeps it in the state; without a graph
};

/// One pass through the layers. The model hands it down to the attention of every layer.
struct Pass {
  PassMode mode = PassMode::segments;
  Segments segments = {};
  RotaryEmbedding* rotary = nullptr;      ///< has the tables of as many positions as a layer asks for
  AttentionObserver* observer = nullptr;  ///< null: nobody looks on
  /// The memory's own loss, which is added to the loss of the targets. Like that one, it is a sum over tokens.
  /// Undefined if no layer has such a loss.
  torch::Tensor auxiliary_loss = {};
};

}  // namespace infini
