#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "data/batch.h"
#include "data/epoch_order.h"
#include "data/token_dataset.h"

namespace infini {

struct BatchOptions {
  int64_t rows = 1;  ///< on this rank
  int64_t segment_length = 2048;
  int64_t segments_per_row = 16;  ///< train_length / segment_length
  bool whole_documents = false;   ///< true (carry_memory): a row reads each document to its end; false: documents are
                                  ///< cut into windows of segments_per_row segments and the windows are shuffled
  uint64_t seed = 0;
  int64_t rank = 0, ranks = 1;
};

/// An endless stream of batches, epoch after epoch. The order in an epoch depends only on seed and epoch. In each epoch
/// every text token is a target exactly once, also at segment borders.
///
/// The rows are numbered across all ranks, rank after rank. When a row has finished its unit (see EpochOrder), it takes
/// the next one; rows take units in the order of their numbers. With whole documents a row may begin a unit at any
/// segment, and it continues in the next batch where it stopped. With windows a row begins a unit only at the beginning
/// of a batch. Each rank tracks all rows but reads only its own.
class BatchStream {
 public:
  /// Throws UserError if an option is impossible, or the split has no token to predict.
  BatchStream(const TokenDataset& dataset, const BatchOptions& options);
  Batch next();
  /// The position of the stream, enough to continue exactly. It is small, and the same for every rank.
  nlohmann::json position() const;
  /// Throws UserError if the position is damaged or belongs to other data or options.
  void seek(const nlohmann::json& position);
  /// The epoch of the unit that was begun last; the first epoch is 0.
  int64_t epoch() const { return epoch_; }

 private:
  /// The pieces that a row still has to read. The next piece is the last element.
  using Row = std::vector<Piece>;

  std::vector<Piece> next_unit();
  EpochOrder order_of(int64_t epoch) const;
  /// All values on which the order of the batches depends, for `position`.
  nlohmann::json identity() const;
  /// Copies the first segment of `piece` to segment `segment` of row `row`.
  void fill(Batch& batch, int64_t row, int64_t segment, const Piece& piece) const;

  TokenDataset dataset_;
  BatchOptions options_;
  int64_t epoch_ = 0;
  int64_t place_ = 0;  ///< of the next unit in the epoch's order
  EpochOrder order_;
  std::vector<Row> rows_;  ///< of all ranks
};

}  // namespace infini
