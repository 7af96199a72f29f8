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
  int64_t tokens = 8192;       ///< of a batch: as many sequences as hold them, at least one
  double language_loss = 0.1;  ///< weight of the mean loss of all other tokens beside the answers', which weighs 1
  bool gain_all = false;       ///< every segment has a gain of its own; otherwise all but those with evidence have one,
                               ///< the same in an example
  uint64_t seed = 0;
  int64_t rank = 0, ranks = 1;
};

/// Examples of a needle task as sequences of whole segments, a new one in every row. All sequences of a batch have as
/// many segments, drawn from the stage; each ends anywhere in its last one, so that question and evidence stand
/// everywhere. Each rank has rows of its own; all ranks' rows are numbered through.
///
/// The gain imitates filler that is as many times as long. It is log-uniform up to the stage's: one number an example
/// for all segments without evidence; or (gain_all) one a segment, up to a bound that is drawn for the example.
class NeedleBatches {
 public:
  NeedleBatches(std::shared_ptr<const NeedleTask> task, const NeedleBatchOptions& options);
  TrainingBatch next(const Stage& stage);
  nlohmann::json position() const;
  /// Throws UserError if the position is damaged or belongs to another task.
  void seek(const nlohmann::json& position);

 private:
  nlohmann::json identity() const;
  /// The row's gain [S], but where its evidence is.
  void set_gain(const torch::Tensor& row, const Example& example, double largest, DeterministicRandom& random) const;

  std::shared_ptr<const NeedleTask> task_;
  NeedleBatchOptions options_;
  uint64_t batches_ = 0;   ///< so far
  uint64_t examples_ = 0;  ///< so far
};

/// The next examples of a seed that fit, from number `examples` on, which is moved behind them, as one batch of
/// sequences of that many segments; the whole length is used. What validation reads.
TrainingBatch needle_batch(const NeedleTask& task, uint64_t seed, uint64_t& examples, int64_t rows, int64_t segments,
                           int64_t segment_length, double language_loss);

}  // namespace infini
