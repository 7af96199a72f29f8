#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>

#include "objective/curriculum.h"
#include "objective/needle_task.h"
#include "objective/training_batch.h"

namespace infini {

struct NeedleBatchOptions {
  int64_t segment_length = 64;
  int64_t tokens = 8192;       ///< in a batch, which has at least one sequence
  double language_loss = 0.1;  ///< weight of the other tokens' mean loss; the answers' mean loss has weight 1
  /// True: every segment has its own gain. False: all segments of an example without evidence have the same gain.
  bool gain_all = false;
  uint64_t seed = 0;
  int64_t rank = 0, ranks = 1;
};

/// Examples of a needle task as sequences of whole segments, with a new example in every row. All sequences of a batch
/// have the same number of segments, drawn between the limits of the stage. An example may end anywhere in the last
/// segment, so question and evidence occur at every place in a segment. Each rank has its own rows. The rows are
/// numbered across all ranks.
///
/// A gain of c imitates filler that is c times as long. It is log-uniform between 1 and the bound of the stage. There
/// is one gain per example, for all its segments without evidence. With gain_all there is one per segment, below a
/// bound that is drawn for each example.
class NeedleBatches {
 public:
  NeedleBatches(std::shared_ptr<const NeedleTask> task, const NeedleBatchOptions& options);
  TrainingBatch next(const Stage& stage);
  nlohmann::json position() const;
  /// Throws UserError if the position is damaged or belongs to another task.
  void seek(const nlohmann::json& position);

 private:
  nlohmann::json identity() const;
  /// Sets the gain [S] of a row. Without gain_all, segments with evidence keep a gain of 1.
  void set_gain(const torch::Tensor& row, const Example& example, double largest, DeterministicRandom& random) const;

  std::shared_ptr<const NeedleTask> task_;
  NeedleBatchOptions options_;
  uint64_t batches_ = 0;   ///< so far
  uint64_t examples_ = 0;  ///< so far
};

/// A batch for validation: the next examples of a seed that fit into sequences of `segments` segments. Each example
/// fills its whole sequence. The search begins at number `examples`, which is then moved behind the last one used.
TrainingBatch needle_batch(const NeedleTask& task, uint64_t seed, uint64_t& examples, int64_t rows, int64_t segments,
                           int64_t segment_length, double language_loss);

}  // namespace infini
