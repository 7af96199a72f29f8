#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "data/batch.h"
#include "data/epoch_order.h"
#include "data/token_dataset.h"

namespace infini {

struct BatchOptions {
  int64_t rows = 1;  ///< of this rank
  int64_t segment_length = 2048;
  int64_t segments_per_row = 16;  ///< train_length / segment_length
  bool whole_documents = false;   ///< a row reads each document to its end (carry_memory); otherwise documents are
                                  ///< cut into windows of segments_per_row segments and the windows are shuffled
  uint64_t seed = 0;
  int64_t rank = 0, ranks = 1;
};

/// Batches without end, epoch after epoch; each epoch's order depends only on seed and epoch. No token is lost, and no
/// target is dropped at a segment border: in each epoch every text token is a target once.
///
/// All ranks' rows are numbered through, rank after rank. In that order each row takes the order's next unit (see
/// EpochOrder) when it is done with its last: with whole documents at any segment, so that a row goes on in the next
/// batch where it stopped; with windows at the beginning of a batch. Each rank follows all rows, reads only its own.
class BatchStream {
 public:
  /// Throws UserError if an option is impossible, or the split has no token to predict.
  BatchStream(const TokenDataset& dataset, const BatchOptions& options);
  Batch next();
  /// Where the stream stands, enough to go on exactly; small, and the same for every rank.
  nlohmann::json position() const;
  /// Throws UserError if the position is damaged or belongs to other data or options.
  void seek(const nlohmann::json& position);
  /// Of the unit that was last begun; the first is 0.
  int64_t epoch() const { return epoch_; }

 private:
  /// The pieces that a row still has to read, the next one last.
  using Row = std::vector<Piece>;

  std::vector<Piece> next_unit();
  EpochOrder order_of(int64_t epoch) const;
  /// What the order and its use depend on, for `position`.
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
