#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "model/rotary_embedding.h"

namespace infini {

class AttentionObserver;

/// One segment of a pass.
struct SegmentSpan {
  int64_t begin = 0;
  int64_t count = 0;
  bool full = true;  ///< false for a last segment that ends early: it is read and not written
};

/// How the N tokens of one pass are divided into segments.
struct Segments {
  int64_t length = 0;                        ///< L: N itself for plain causal attention
  std::optional<torch::Tensor> starts = {};  ///< [B, segments]: the memory is emptied before the segment
  std::optional<torch::Tensor> gain = {};    ///< [B, segments], as SegmentMarks has it
  /// [B, segments]: a document begins with the segment. So do all of `starts`, unless the memory is off.
  std::optional<torch::Tensor> document_starts = {};
  std::vector<int64_t> lengths = {};  ///< of each segment, if they vary; empty: all have length L

  /// The segments of `tokens` tokens, for a kind of memory that takes one after the other.
  std::vector<SegmentSpan> spans(int64_t tokens) const;
  /// The rows [B] in which segment `index` begins a document; empty if none does.
  std::optional<torch::Tensor> rows_that_start(int64_t index) const;
};

/// What a pass does with its tokens.
enum class PassMode {
  segments,      ///< reads them from the beginning of a segment on; a last, partial segment is read and not written
  memorize,      ///< the same, for the state alone: the last layer only writes
  open_segment,  ///< goes on in the open segment, and keeps it in the state; without a graph
};

/// Vectors of a decoder's own around the tokens of a segment: x [B, before + n + after, hidden_size].
struct Surroundings {
  int64_t before = 0, after = 0;
  torch::Tensor shown = {};  ///< [B, before] bool: which of those before it a row sees; undefined: all
};

/// One pass through the layers. The model hands it down to the attention of every layer.
struct Pass {
  PassMode mode = PassMode::segments;
  Segments segments = {};
  RotaryEmbedding* rotary = nullptr;           ///< has the tables of as many positions as a layer asks for
  const Surroundings* surroundings = nullptr;  ///< null: there are only tokens
  AttentionObserver* observer = nullptr;       ///< null: nobody looks on
  /// The memory's own loss, which is added to the loss of the targets. Like that one, it is a sum over tokens.
  /// Undefined if no layer has such a loss.
  torch::Tensor auxiliary_loss = {};
};

}  // namespace infini
