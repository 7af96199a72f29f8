#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

#include "data/batch.h"

namespace infini {

/// What a curriculum asks of the next batch.
struct Stage {
  int64_t shortest = 1, longest = 1;  ///< segments of a sequence
  double largest_gain = 1;            ///< what segments write is multiplied by up to that; 1: nothing is
};

/// Batches without end, from a position that can be kept.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  /// A source that has no curriculum reads as its options say, whatever the stage.
  virtual Batch next(const Stage& stage) = 0;
  /// Where the source stands, enough to continue exactly; small, and the same for every rank.
  virtual nlohmann::json position() const = 0;
  /// Throws UserError if the position belongs to other data or options.
  virtual void seek(const nlohmann::json& position) = 0;
};

}  // namespace infini
