#pragma once

#include <cstdint>

#include "data/batch_source.h"
#include "objective/needle_task.h"

namespace infini {

struct TaskBatchOptions {
  int64_t segment_length = 64;
  int64_t tokens = 8192;       ///< of a batch: as many sequences as hold them, at least one
  double language_loss = 0.1;  ///< weight of the mean loss of all other tokens beside the answers', which weighs 1
  bool gain_all = false;       ///< every segment has a gain of its own; otherwise all but those with evidence have one,
                               ///< the same in an example
  uint64_t seed = 0;
};

/// Examples of a task as sequences of whole segments, a new one in every row. All sequences of a batch have as many
/// segments, drawn from the stage; each ends anywhere in its last one, so that question and evidence stand everywhere.
///
/// The gain imitates filler that is as many times as long. It is log-uniform up to the stage's: one number an example
/// for all segments without evidence; or (gain_all) one a segment, up to a bound that is drawn for the example.
class TaskStream : public BatchSource {
 public:
  TaskStream(std::shared_ptr<const NeedleTask> task, const TaskBatchOptions& options);
  Batch next(const Stage& stage) override;
  nlohmann::json position() const override;
  void seek(const nlohmann::json& position) override;

 private:
  nlohmann::json identity() const;

  std::shared_ptr<const NeedleTask> task_;
  TaskBatchOptions options_;
  uint64_t batches_ = 0;   ///< so far
  uint64_t examples_ = 0;  ///< so far
};

/// The next examples of a seed that fit, from number `examples` on, which is moved behind them, as one batch of
/// sequences of that many segments; the whole length is used. What validation reads.
Batch task_batch(const NeedleTask& task, uint64_t seed, uint64_t& examples, int64_t rows, int64_t segments,
                 int64_t segment_length, double language_loss);

}  // namespace infini
